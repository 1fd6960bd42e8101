// How exactly each activation is what it was in float, on real samples. Local error: what one QuantizeLinear rounds away. Accumulated error:
// all that has happened up to there. Both models run side by side, a few tensors at a time, and only sums are kept.

import type { Graph } from '../core/model/graph'
import { indexGraph, type GraphIndex } from '../core/model/graph-index'
import { inferShapes } from '../core/model/infer-shapes'
import type { Model } from '../core/model/model'
import { isOp } from '../core/model/node'
import { tensorBytes, viewAs } from '../core/model/tensor'
import { sortTopologically } from '../core/model/topological-sort'
import { encodeParts } from '../core/onnx/encode-parts'
import type { CalibrationData, PassContext } from '../core/pass/pass-context'
import { outputNumbers } from '../core/pass/tensor-numbers'
import type { NamedValues } from '../core/pass/tensor-value'
import { NoiseSums } from './noise-sums'
import { quantizedForms } from './quantized-forms'

export interface ActivationError {
  readonly name: string
  /** The operator that makes it; empty for an input of the model. */
  readonly node: string
  readonly opType: string
  /** Rounding of this tensor alone, dB; null where it is not rounded itself. */
  readonly localDb: number | null
  /** Against the float model, dB. */
  readonly accumulatedDb: number
}

/** Where a float value is to be found in the changed model. */
interface Traced {
  readonly name: string
  /** Before its QuantizeLinear; absent where it has none. */
  readonly before?: string
  /** What its readers get. */
  readonly after: string
  /** Of a Relu or Clip that the step merged into the rounding: what rounds does its work, which is no error. */
  readonly bounds?: Bounds
}
type Bounds = readonly [lowest: number, highest: number]

/** Values of both models that are held at once, bytes, about. */
const CHUNK_BYTES = 32 * 2 ** 20

/** In the order of the network. Throws what engine and data throw. */
export async function activationErrors(
  { float, changed }: { readonly float: Model; readonly changed: Model },
  data: CalibrationData,
  indices: readonly number[],
  context: Pick<PassContext, 'infer' | 'checkpoint' | 'progress'>,
): Promise<readonly ActivationError[]> {
  const traced = traceValues(float, changed.graph)
  const [truth, suspect] = [
    await context.infer.open(
      encodeParts(
        observed(
          float,
          traced.map(({ name }) => name),
        ),
      ),
    ),
    await context.infer.open(encodeParts(observed(changed, traced.flatMap(readNames)))),
  ]
  const sums = new Map(traced.map(({ name }) => [name, { local: new NoiseSums(), accumulated: new NoiseSums() }]))
  const chunks = inChunks(traced, float)
  try {
    for (const [step, index] of indices.entries()) {
      const feeds = await data.sample(index)
      for (const [part, chunk] of chunks.entries()) {
        await context.checkpoint()
        const done = (step + part / chunks.length) / indices.length
        context.progress(done, `sample ${step + 1} of ${indices.length}`)
        const expected = {
          ...feeds,
          ...(await truth.run(
            feeds,
            withoutInputs(
              float,
              chunk.map(({ name }) => name),
            ),
          )),
        }
        const actual = { ...feeds, ...(await suspect.run(feeds, withoutInputs(changed, chunk.flatMap(readNames)))) }
        for (const value of chunk) addErrors(value, expected, actual, sums)
      }
    }
  } finally {
    await truth.close()
    await suspect.close()
  }
  const index = indexGraph(float.graph)
  return traced.map(({ name, before }) => errorOf(name, before !== undefined, sums, index))
}

/** Inputs are known without asking. */
function withoutInputs({ graph }: Model, values: readonly string[]): readonly string[] {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  return [...new Set(values)].filter((name) => !inputs.has(name))
}

/** A copy of the model that gives inner float32 values as outputs, too. */
function observed(model: Model, values: readonly string[]): Model {
  const { graph } = model
  const known = new Set(graph.outputs.map(({ name }) => name))
  const added = withoutInputs(model, values).filter((name) => !known.has(name))
  const infos = added.map((name) => ({ name, type: { kind: 'tensor', dtype: 'float32' } as const }))
  return { ...model, graph: { ...graph, outputs: [...graph.outputs, ...infos] } }
}

const readNames = ({ before, after }: Traced): string[] => (before === undefined ? [after] : [before, after])

type Sums = ReadonlyMap<string, { readonly local: NoiseSums; readonly accumulated: NoiseSums }>

function addErrors(
  { name, before, after, bounds }: Traced,
  expected: NamedValues,
  actual: NamedValues,
  sums: Sums,
): void {
  const entry = sums.get(name)
  const [truth, exact, rounded] = [expected[name], actual[before ?? ''], actual[after]]
  if (!entry || !truth || !rounded) return
  entry.accumulated.add(outputNumbers(truth), outputNumbers(rounded))
  if (exact) entry.local.add(within(outputNumbers(exact), bounds), outputNumbers(rounded))
}

function within(values: ArrayLike<number>, bounds: Bounds | undefined): ArrayLike<number> {
  if (!bounds) return values
  return Float32Array.from(values, (value) => Math.min(Math.max(value, bounds[0]), bounds[1]))
}

function errorOf(name: string, isRounded: boolean, sums: Sums, index: GraphIndex): ActivationError {
  const entry = sums.get(name)
  const producer = index.producer(name)
  return {
    name,
    node: producer?.name ?? '',
    opType: producer?.opType ?? '',
    localDb: isRounded ? (entry?.local.sqnrDb ?? NaN) : null,
    accumulatedDb: entry?.accumulated.sqnrDb ?? NaN,
  }
}

/** float32 values of the main graph that both models have, inputs first, in the order in which they are made. */
function traceValues(float: Model, changed: Graph): readonly Traced[] {
  const types = inferShapes(float)
  const pairs = quantizedForms(changed)
  const indexes = { float: indexGraph(float.graph), changed: indexGraph(changed) }
  const made = new Set([...changed.inputs.map(({ name }) => name), ...changed.nodes.flatMap(({ outputs }) => outputs)])
  const ordered = sortTopologically(float.graph.nodes, float.graph)
  const names = [...float.graph.inputs.map(({ name }) => name), ...ordered.flatMap(({ outputs }) => outputs)]
  return names.flatMap((name): Traced[] => {
    const type = name === '' ? undefined : types.type(name)
    if (type?.kind !== 'tensor' || type.dtype !== 'float32') return []
    const pair = pairs.get(name)
    const bounds = pair && mergedBounds(name, indexes)
    if (pair) return [{ name, before: pair.before, after: pair.after, ...(bounds && { bounds }) }]
    return made.has(name) ? [{ name, after: name }] : []
  })
}

/** Of the Relu or Clip that makes the value in the float model and is gone in the changed one. */
function mergedBounds(name: string, { float, changed }: Record<'float' | 'changed', GraphIndex>): Bounds | undefined {
  const node = float.producer(name)
  if (!node || changed.producer(name)?.opType === node.opType) return undefined
  if (isOp(node, 'Relu')) return [0, Infinity]
  if (!isOp(node, 'Clip')) return undefined
  const bound = (input: number, open: number): number => {
    const tensor = float.constant(node.inputs[input] ?? '')
    return tensor?.dtype === 'float32' ? (viewAs(tensorBytes(tensor), Float32Array)[0] ?? open) : open
  }
  return [bound(1, -Infinity), bound(2, Infinity)]
}

function inChunks(traced: readonly Traced[], float: Model): readonly (readonly Traced[])[] {
  const types = inferShapes(float)
  const chunks: Traced[][] = []
  let room = 0
  for (const value of traced) {
    const bytes = 12 * elementsOf(types.type(value.name))
    if (bytes > room || chunks.length === 0) {
      chunks.push([])
      room = CHUNK_BYTES
    }
    chunks.at(-1)?.push(value)
    room -= bytes
  }
  return chunks
}

/** Open dimensions count as this. */
const TYPICAL_DIM = 64

function elementsOf(type: ReturnType<ReturnType<typeof inferShapes>['type']>): number {
  const shape = type?.kind === 'tensor' ? (type.shape ?? []) : []
  return shape.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : TYPICAL_DIM), 1)
}
