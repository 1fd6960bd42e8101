// The sentences under a model's summary: what may get in the way of compressing or running it.

import type { InferOptions, InferredTypes } from '../model/infer-shapes'
import { onnxOpset, type Model } from '../model/model'
import type { ConstantCensus } from './constant-census'

/** The newest versions that onnxruntime-web 1.30 loads. */
const MAX_OPSET = 26
const MAX_IR = 13
/** ONNX Runtime promises compatibility from here on. */
const MIN_OPSET = 7

/** Names in a sentence; a long list is cut. */
function list(names: readonly string[]): string {
  const MAX_NAMES = 8
  const shown = names.slice(0, MAX_NAMES).join(', ')
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown
}

export function summaryWarnings(
  model: Model,
  types: InferredTypes,
  census: ConstantCensus,
  { macs, sizes }: { readonly macs: number | undefined; readonly sizes: InferOptions },
): readonly string[] {
  const free = freeDimensions(model).filter((name) => sizes.freeDimensions?.[name] === undefined)
  return [
    ...versionWarnings(model),
    ...unknownOpWarnings(types),
    ...weightWarnings(model, census),
    ...(free.length > 0 ? [`Free dimensions: ${list(free)}. Their sizes are chosen when the model runs.`] : []),
    ...(macs !== undefined || free.length > 0
      ? []
      : ['The cost is not known: some shapes depend on the data or on unknown operators.']),
    ...conflictWarnings(types),
  ]
}

function versionWarnings(model: Model): string[] {
  const opset = onnxOpset(model)
  const warnings: string[] = []
  if (opset > MAX_OPSET) {
    warnings.push(`The model is of opset ${opset}; the runtime accepts opset ${MAX_OPSET} at most.`)
  }
  if (opset < MIN_OPSET) {
    warnings.push(`The model is of opset ${opset}; the runtime promises to run opset ${MIN_OPSET} and later only.`)
  }
  if (model.irVersion > MAX_IR) {
    warnings.push(`The file is of IR version ${model.irVersion}; the runtime accepts IR version ${MAX_IR} at most.`)
  }
  return warnings
}

function unknownOpWarnings(types: InferredTypes): string[] {
  const counts = new Map<string, number>()
  for (const { domain, opType } of types.unknownOps) {
    const name = domain === '' ? opType : `${domain}.${opType}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  if (counts.size === 0) return []
  const names = list([...counts].map(([name, count]) => (count > 1 ? `${name} (${count} times)` : name)))
  return [`Operators that Lathe does not know: ${names}. Shapes behind them are taken from the file or stay unknown.`]
}

function weightWarnings(model: Model, census: ConstantCensus): string[] {
  const warnings: string[] = []
  const missing = new Set<string>()
  for (const { data } of census.constants) if (data.kind === 'external') missing.add(data.location)
  if (missing.size > 0) warnings.push(`Weights stand in other files that were not given: ${list([...missing])}.`)

  const replaceable = model.graph.inputs.filter(({ name }) => model.graph.initializers.has(name)).length
  if (replaceable > 0) {
    const subject = replaceable === 1 ? '1 weight is also an input' : `${replaceable} weights are also inputs`
    warnings.push(`${subject}: a caller may replace them, so they are not treated as constants.`)
  }
  if (census.hasQuantizedWeights) warnings.push('The weights are already quantized, at least in part.')
  const half = (census.bytesByDtype.get('float16') ?? 0) + (census.bytesByDtype.get('bfloat16') ?? 0)
  if (half > (census.bytesByDtype.get('float32') ?? 0)) warnings.push('The weights are already in 16-bit floats.')
  return warnings
}

/** Names of symbolic dimensions of the inputs, and `input axis 2` for those without a name. */
function freeDimensions(model: Model): readonly string[] {
  const found = new Set<string>()
  for (const { name, type } of model.graph.inputs) {
    if (type?.kind !== 'tensor' || model.graph.initializers.has(name)) continue
    type.shape?.forEach((dim, axis) => {
      if (typeof dim === 'string' && dim !== '') found.add(dim)
      else if (typeof dim !== 'number' || dim < 0) found.add(`axis ${axis} of ${name}`)
    })
  }
  return [...found]
}

function conflictWarnings({ conflicts }: InferredTypes): string[] {
  const [first] = conflicts
  if (!first) return []
  const others = conflicts.length > 1 ? ` (and ${conflicts.length - 1} more of this kind)` : ''
  return [`The graph contradicts itself${first.node === undefined ? '' : ` at ${first.node}`}: ${first.text}${others}`]
}
