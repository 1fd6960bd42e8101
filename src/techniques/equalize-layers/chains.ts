// Which layers of a graph can be equalized with one another: each reads nothing but the one before, through operators that commute with a
// positive factor per channel. Convolutions with a channel per group (depthwise) join the layers around them to longer chains.

import { onlyReader } from '../../core/model/graph-index'
import { isConvolution, isLinear, linearLayerOf, weightGridOf } from '../../core/model/linear-layer'
import type { GraphEdit } from '../../core/model/map-graphs'
import { intAttribute, isOp, type Node } from '../../core/model/node'
import { ScaledLayer } from '../../core/model/scaled-layer'
import { clipBounds, type ClipBounds } from './clip-bounds'
import type { EqualizeOptions } from './spec'

/** A Clip between two layers whose bounds become one number per channel. */
interface Limit {
  readonly node: Node
  readonly bounds: ClipBounds
}

/** What stands between two layers. */
export interface Link {
  readonly path: readonly Node[]
  /** Inputs of the second layer for each channel: above 1 behind a Flatten. */
  readonly repeat: number
  readonly limits: readonly Limit[]
}

export interface Chain {
  /** At least two. Neighbouring chains share a layer. */
  readonly layers: readonly ScaledLayer[]
  /** One less than layers. */
  readonly links: readonly Link[]
}

export interface ChainRules extends Pick<EqualizeOptions, 'limits'> {
  readonly opset: number
}

export interface ChainPlan {
  readonly chains: readonly Chain[]
  /** Why a layer is not equalized with what reads it, by node. */
  readonly reasons: ReadonlyMap<Node, string>
}

export function findChains(graph: GraphEdit, rules: ChainRules): ChainPlan {
  const layers = scaledLayers(graph, rules)
  const links = new Map<ScaledLayer, { readonly link: Link; readonly next: ScaledLayer }>()
  const reasons = new Map<Node, string>()
  for (const layer of layers.values()) {
    const found = followLink(graph, layer, layers, rules)
    if (typeof found === 'string') reasons.set(layer.layer.node, found)
    else links.set(layer, found)
  }
  const inner = new Set([...links.values()].map(({ next }) => next).filter(isDepthwise))
  const starts = [...links.keys()].filter((layer) => !inner.has(layer))
  return { chains: starts.map((start) => followChain(start, links)), reasons }
}

function scaledLayers(graph: GraphEdit, { opset }: ChainRules): ReadonlyMap<Node, ScaledLayer> {
  const layers = new Map<Node, ScaledLayer>()
  for (const node of graph.draft.nodes) {
    if (!isLinear(node)) continue
    const layer = linearLayerOf(node, opset, graph.constant)
    const grid = typeof layer === 'string' ? undefined : weightGridOf(layer)
    if (typeof layer !== 'string' && grid) layers.set(node, new ScaledLayer(layer, grid))
  }
  return layers
}

const isDepthwise = ({ layer, grid }: ScaledLayer): boolean =>
  isConvolution(layer.node) && grid.groups > 1 && grid.inputs === 1 && grid.outputs === 1

function followChain(
  start: ScaledLayer,
  links: ReadonlyMap<ScaledLayer, { readonly link: Link; readonly next: ScaledLayer }>,
): Chain {
  const chain: { layers: ScaledLayer[]; links: Link[] } = { layers: [start], links: [] }
  for (let step = links.get(start); step; step = isDepthwise(step.next) ? links.get(step.next) : undefined) {
    chain.layers.push(step.next)
    chain.links.push(step.link)
  }
  return chain
}

/** The layer that alone reads the output of `from`, else the reason why there is none, as the end of a sentence. */
function followLink(
  graph: GraphEdit,
  from: ScaledLayer,
  layers: ReadonlyMap<Node, ScaledLayer>,
  rules: ChainRules,
): { readonly link: Link; readonly next: ScaledLayer } | string {
  const path: Node[] = []
  const limits: Limit[] = []
  // Channels lie on the last axis, not on axis 1.
  let isFlat = !isConvolution(from.layer.node)
  for (let value = from.layer.node.outputs[0] ?? ''; ;) {
    const reader = onlyReader(graph.draft.index, value)
    if (typeof reader === 'string') return reader
    if (reader.inputs.filter((name) => name === value).length > 1) return `${reader.opType} reads it twice`
    if (isLinear(reader)) return toLayer(from, layers.get(reader), value, { path, limits, isFlat })
    const step = passes(graph, reader, value, { isFlat, isFlattened: isFlat && isConvolution(from.layer.node) }, rules)
    if (typeof step === 'string') return step
    if (step.limit) limits.push(step.limit)
    isFlat ||= step.flattens
    path.push(reader)
    value = reader.outputs[0] ?? ''
  }
}

function toLayer(
  from: ScaledLayer,
  next: ScaledLayer | undefined,
  value: string,
  { path, limits, isFlat }: Pick<Link, 'path' | 'limits'> & { readonly isFlat: boolean },
): { readonly link: Link; readonly next: ScaledLayer } | string {
  if (!next || next.layer.node.inputs[0] !== value) return 'the layer after it has no constant weights for it'
  const channels = from.outputFactors.length
  const repeat = next.inputFactors.length / channels
  const isFlattened = isFlat && isConvolution(from.layer.node)
  if (isFlat === isConvolution(next.layer.node) || !(isFlattened ? Number.isInteger(repeat) : repeat === 1))
    return 'its channels are not those of the layer after it'
  return { link: { path, limits, repeat }, next }
}

interface Passage {
  readonly flattens: boolean
  readonly limit?: Limit
}

const PASSAGE: Passage = { flattens: false }
const ELEMENTWISE: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Identity'])
const POOLS: ReadonlySet<string> = new Set(['MaxPool', 'AveragePool', 'GlobalMaxPool', 'GlobalAveragePool'])

/** How a positive factor per channel gets through the operator, else the reason why it does not. */
function passes(
  graph: GraphEdit,
  node: Node,
  value: string,
  { isFlat, isFlattened }: { readonly isFlat: boolean; readonly isFlattened: boolean },
  rules: ChainRules,
): Passage | string {
  const isStandard = node.domain === '' && node.inputs[0] === value
  if (isStandard && ELEMENTWISE.has(node.opType)) return PASSAGE
  if (isStandard && POOLS.has(node.opType) && !isFlat) return PASSAGE
  if (isStandard && !isFlat && flattens(graph, node)) return { flattens: true }
  if (!isOp(node, 'Clip') || !isStandard) return `${node.opType} stands between it and the next layer`
  const bounds = clipBounds(node, rules.opset, graph.constant)
  if (!bounds) return 'the bounds of the Clip behind it are not known'
  if (bounds.max === Infinity && (bounds.min === 0 || bounds.min === -Infinity)) return PASSAGE
  if (isFlattened) return 'a Clip stands behind its flattened channels'
  if (rules.limits === 'keep') return 'a Clip behind it bounds all channels alike (an option turns the bound)'
  return { flattens: false, limit: { node, bounds } }
}

/** [N, C, …] → [N, C · …] */
function flattens(graph: GraphEdit, node: Node): boolean {
  if (isOp(node, 'Flatten')) return intAttribute(node, 'axis', 1) === 1
  if (!isOp(node, 'Reshape')) return false
  const before = shapeOf(graph, node.inputs[0] ?? '')
  const after = shapeOf(graph, node.outputs[0] ?? '')
  if (!before || after?.length !== 2 || before.length < 2) return false
  const features = before.slice(1).reduce<number>((count, dim) => count * (typeof dim === 'number' ? dim : NaN), 1)
  return before[0] !== null && before[0] === after[0] && after[1] === features
}

function shapeOf(graph: GraphEdit, value: string) {
  const type = graph.type(value)
  return type?.kind === 'tensor' ? type.shape : undefined
}
