// SmoothQuant: outlier channels of activations are divided, the weights that read them multiplied. The division goes into what makes the
// value where that is possible, else it becomes an operator. Read plan.ts for which layers, smooth-scales.ts for how much.

import { channelBoundsObserver } from '../../core/calibration/channel-observers'
import { observeValues, spreadIndices, type ObservationContext } from '../../core/calibration/observe'
import { LabError } from '../../core/errors/lab-error'
import { inferShapes } from '../../core/model/infer-shapes'
import { linearLayerOf, weightGridOf } from '../../core/model/linear-layer'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset, type Model } from '../../core/model/model'
import { nodeLabel, type Node } from '../../core/model/node'
import { placeScaledLayer, ScaledLayer } from '../../core/model/scaled-layer'
import { makeTensor } from '../../core/model/tensor'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import { foldFactors } from './fold-factors'
import { planGroups, type SmoothGroup } from './plan'
import { factorDims, searchAlpha, type MeasuredGroup } from './search-alpha'
import { mostEven, smoothScales } from './smooth-scales'
import { spec, type SmoothOptions } from './spec'

/** Share of the progress that the size of channels takes where α is searched, too. */
const BOUNDS_SHARE = 0.15

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const notes: Note[] = []
  const smoothed = await mapGraphs(model, inferShapes(model), async (graph) => {
    if (graph.isBody) {
      const text = 'Layers inside the bodies of If, Loop and Scan stay as they are: their inputs cannot be measured.'
      if (graph.draft.nodes.length > 0 && !notes.some((note) => note.text === text))
        notes.push({ kind: 'skipped', text })
      return false
    }
    await context.checkpoint()
    const { groups, notes: skipped } = planGroups(graph, onnxOpset(model), options)
    notes.push(...skipped)
    const scales = groups.length > 0 ? await measureScales(model, groups, options, context) : []
    const done = groups.map((group, position) => smooth(graph, onnxOpset(model), group, scales[position], options))
    notes.push(...done.map(({ note }) => note))
    return done.some(({ isChanged }) => isChanged)
  })
  context.progress(1, 'done')
  return { model: smoothed, notes }
}

/** Throws `recipe/needs-calibration` without samples: the ranges of a recipe do not know channels. */
async function measureScales(
  model: Model,
  groups: readonly SmoothGroup[],
  options: SmoothOptions,
  context: PassContext,
): Promise<readonly Float64Array[]> {
  const data = context.calibration
  if (!data) {
    const message = 'Activations are smoothed by the size of their channels on real samples, and none were given.'
    throw new LabError('recipe/needs-calibration', message, { technique: spec.id })
  }
  const indices = spreadIndices(data.size, options.calibrationSamples)
  const observers = groups.map(({ source }) => channelBoundsObserver(source))
  const share = options.searchAlpha ? BOUNDS_SHARE : 1
  const within = (from: number, to: number): ObservationContext => ({
    infer: context.infer,
    checkpoint: () => context.checkpoint(),
    progress: (fraction, what) => context.progress(from + (to - from) * fraction, what),
  })
  await observeValues(model, observers, data, indices, within(0, share))
  const measured = groups.flatMap((group, position): MeasuredGroup[] => {
    const bounds = observers[position]
    return bounds ? [{ group, bounds }] : []
  })
  if (!options.searchAlpha) return measured.map((group) => scalesOf(group, options.alpha))
  return searchAlpha(model, measured, scalesOf, { data, indices }, within(share, 1))
}

function scalesOf({ group, bounds }: MeasuredGroup, alpha: number): Float64Array {
  const activations = bounds.max.map((max, j) => Math.max(Math.abs(max), Math.abs(bounds.min[j] as number)))
  const wanted = group.layers.map((layer) => smoothScales(activations, layer.inputPeaks(), alpha))
  return mostEven(wanted) ?? new Float64Array(group.source.channels).fill(1)
}

function smooth(
  graph: GraphEdit,
  opset: number,
  { source, layers }: SmoothGroup,
  scales: Float64Array | undefined,
  { onlyFolded }: SmoothOptions,
): { readonly isChanged: boolean; readonly note: Note } {
  const subject = source.value
  const readers = layers.map(({ layer }) => currentNode(graph, layer.node))
  const names = readers.map(nodeLabel).join(', ')
  if (!scales || scales.every((scale) => scale === 1)) {
    return { isChanged: false, note: { kind: 'skipped', subject, text: `The input of ${names} is even already.` } }
  }
  const request = { source, inverse: scales.map((scale) => 1 / scale), opset }
  const folded = foldFactors(graph, request, new Set(readers))
  if (!folded && onlyFolded) {
    const text = `The input of ${names} stays as it is: nothing before it can take the factors in.`
    return { isChanged: false, note: { kind: 'skipped', subject, text } }
  }
  folded?.apply()
  const divided = folded ? undefined : addDivision(graph, source, scales)
  for (const { layer } of layers) {
    multiplyInputs(graph, opset, currentNode(graph, layer.node), scales)
    const node = currentNode(graph, layer.node)
    if (divided) graph.draft.replaceNode(node, { ...node, inputs: [divided.output, ...node.inputs.slice(1)] })
  }
  const where = folded
    ? `in ${folded.into.join(', ')}`
    : `by the new Div "${divided?.name ?? ''}", which static quantization leaves in float`
  return {
    isChanged: true,
    note: { kind: 'changed', subject, text: `The channels that ${names} read are divided ${where}.` },
  }
}

/** Factors that went into a layer before have replaced its node. */
const currentNode = ({ draft }: GraphEdit, node: Node): Node => draft.index.producer(node.outputs[0] ?? '') ?? node

/** The layer is read again, as it may have taken in the factors of what it writes. */
function multiplyInputs(graph: GraphEdit, opset: number, node: Node, scales: Float64Array): void {
  const layer = linearLayerOf(node, opset, graph.constant)
  const grid = typeof layer === 'string' ? undefined : weightGridOf(layer)
  if (typeof layer === 'string' || !grid) return
  const scaled = new ScaledLayer(layer, grid)
  scaled.inputFactors.set(scales)
  placeScaledLayer(graph, scaled)
}

/** Div and not Mul: there is no integer kernel for it, so that static quantization rounds what is smooth and not what is not. */
function addDivision(
  graph: GraphEdit,
  { value, channels, spatialAxes }: SmoothGroup['source'],
  scales: Float64Array,
): { readonly name: string; readonly output: string } {
  const output = graph.freshName(`${value}_smooth`)
  const factors = graph.freshName(`${value}_smooth_factors`)
  graph.draft.setInitializer(
    makeTensor(factors, 'float32', factorDims(channels, spatialAxes), Float32Array.from(scales)),
  )
  const { name } = graph.draft.addNode({ opType: 'Div', inputs: [value, factors], outputs: [output] })
  const type = graph.type(value)
  if (type) graph.draft.setType(output, type)
  return { name, output }
}
