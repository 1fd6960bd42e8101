// Absorption of high biases: where nearly all values of a channel stay above a number c, the layer gives c less and the next one gets
// what its weights make of c. Relu(x − c) = Relu(x) − c for x ≥ c only, so c is three standard deviations below the mean.

import { channelMomentsObserver, type ChannelValue } from '../../core/calibration/channel-observers'
import { observeValues, spreadIndices } from '../../core/calibration/observe'
import { LabError } from '../../core/errors/lab-error'
import { floatsOf } from '../../core/model/float-values'
import { foldInput } from '../../core/model/fold-input'
import { inferShapes } from '../../core/model/infer-shapes'
import { isPadded, linearLayerOf, type LinearLayer } from '../../core/model/linear-layer'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset, type Model } from '../../core/model/model'
import { isOp, nodeLabel, type Node } from '../../core/model/node'
import { placeNumbers, withBias } from '../../core/model/place-numbers'
import type { ScaledLayer } from '../../core/model/scaled-layer'
import type { PassContext } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import { findChains, type Link } from './chains'
import { spec, type EqualizeOptions } from './spec'

/** Of a normal distribution 0.1 % lie below. */
const DEVIATIONS = 3
const SHIFTABLE: ReadonlySet<string> = new Set([
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Identity',
  'Flatten',
  'Reshape',
  'MaxPool',
])

interface Pair {
  readonly before: ScaledLayer
  readonly after: ScaledLayer
  readonly link: Link
}

/** Throws `recipe/needs-calibration` without samples, and what `observeValues` throws. */
export async function absorbBiases(
  model: Model,
  options: EqualizeOptions,
  context: PassContext,
): Promise<{ readonly model: Model; readonly notes: readonly Note[] }> {
  const data = context.calibration
  if (!data) {
    const message = 'High biases are absorbed by what samples show, and none were given.'
    throw new LabError('recipe/needs-calibration', message, { technique: spec.id })
  }
  const notes: Note[] = []
  const absorbed = await mapGraphs(model, inferShapes(model), async (graph) => {
    if (graph.isBody) return false
    const pairs = pairsOf(graph, onnxOpset(model), notes)
    const observers = pairs.map(({ before }) => channelMomentsObserver(outputOf(before)))
    await observeValues(model, observers, data, spreadIndices(data.size, options.calibrationSamples), context)
    for (const [position, pair] of pairs.entries()) {
      const moments = observers[position]?.moments()
      if (moments) notes.push(absorb(graph, onnxOpset(model), pair, absorbable(pair.link, moments)))
    }
    return pairs.length > 0
  })
  return { model: absorbed, notes }
}

const outputOf = ({ layer, outputFactors }: ScaledLayer): ChannelValue => ({
  value: layer.node.outputs[0] ?? '',
  channels: outputFactors.length,
  spatialAxes: layer.weight.dims.length - 2,
})

function pairsOf(graph: GraphEdit, opset: number, notes: Note[]): readonly Pair[] {
  const { chains } = findChains(graph, { opset, limits: 'keep' })
  const pairs = chains.flatMap(({ layers, links }) =>
    links.flatMap((link, gap): Pair[] => {
      const [before, after] = [layers[gap], layers[gap + 1]]
      return before && after ? [{ before, after, link }] : []
    }),
  )
  return pairs.filter(({ before, after, link }) => {
    const reason = reasonAgainst(before.layer, after.layer.node, link)
    const subject = nodeLabel(before.layer.node)
    if (reason !== undefined) notes.push({ kind: 'skipped', subject, text: `Its bias is not absorbed: ${reason}.` })
    return reason === undefined
  })
}

function reasonAgainst({ bias, weight }: LinearLayer, after: Node, { path }: Link): string | undefined {
  if (!bias) return 'it has none'
  if (weight.dtype !== 'float32') return `it is ${weight.dtype}`
  if (isOp(after, 'MatMul')) return 'the next layer has no bias'
  if (isOp(after, 'ConvTranspose')) return 'the next layer overlaps its windows'
  if (isPadded(after)) return 'the next layer pads, and what it pads with is not shifted'
  const other = path.find(({ opType }) => !SHIFTABLE.has(opType))
  return other && `${other.opType} stands between it and the next layer`
}

/** c of each channel, 0 or more behind a Relu. */
function absorbable(
  { path }: Pick<Link, 'path'>,
  { mean, deviation }: { readonly mean: Float64Array; readonly deviation: Float64Array },
): Float64Array {
  const isBent = path.some(({ opType }) => opType.endsWith('Relu'))
  return isBent ? mean.map((value, i) => Math.max(0, value - DEVIATIONS * (deviation[i] as number))) : mean
}

/** The layers are read again: one may have been the second of another pair. */
function absorb(graph: GraphEdit, opset: number, { before, after, link }: Pair, shift: Float64Array): Note {
  const subject = nodeLabel(before.layer.node)
  const first = currentLayer(graph, opset, before)
  const second = currentLayer(graph, opset, after)
  const repeated = Float64Array.from(
    { length: shift.length * link.repeat },
    (_, k) => shift[Math.floor(k / link.repeat)] as number,
  )
  const scale = new Float64Array(repeated.length).fill(1)
  const folded = second && foldInput(second, after.grid, { scale, shift: repeated })
  if (!first?.bias || !second || !folded) {
    return { kind: 'skipped', subject, text: 'Its bias is not absorbed: the result would not be finite.' }
  }
  if (!folded.bias) return { kind: 'skipped', subject, text: 'Its bias is not absorbed: no channel stays that high.' }
  const own = floatsOf(first.bias)
  const lowered = Float32Array.from(shift, (c, i) => (own[own.length === 1 ? 0 : i] as number) * first.biasFactor - c)
  replaceBias(graph, first, lowered)
  replaceBias(graph, second, folded.bias)
  const count = shift.filter((c) => c !== 0).length
  return {
    kind: 'changed',
    subject,
    text: `${count} of ${shift.length} channels give a part of their bias to the next layer.`,
  }
}

function currentLayer(graph: GraphEdit, opset: number, { layer }: ScaledLayer): LinearLayer | undefined {
  const node = graph.draft.index.producer(layer.node.outputs[0] ?? '')
  const current = node && linearLayerOf(node, opset, graph.constant)
  return typeof current === 'string' ? undefined : current
}

function replaceBias(
  graph: GraphEdit,
  { node, weight, bias, channels }: LinearLayer,
  values: Float32Array | Float64Array,
): void {
  const old = bias ?? { ...weight, name: `${weight.name}_bias` }
  const name = placeNumbers(graph, node, old, values, [channels])
  graph.draft.replaceNode(node, withBias(node, [node.inputs[0] ?? '', node.inputs[1] ?? '', name]))
}
