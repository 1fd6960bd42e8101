// Which batch normalizations, scales and shifts in front of a layer go into its weights. A scale always can; a shift only where every sum of
// the layer sees all of its inputs, because what a convolution pads with is not shifted.

import { onlyReader } from '../../core/model/graph-index'
import { isLinear, isPadded, weightGridOf, type Affine, type WeightGrid } from '../../core/model/linear-layer'
import type { GraphEdit } from '../../core/model/map-graphs'
import { isOp, nodeLabel, type Node } from '../../core/model/node'
import { compose, identityAffine } from './affine'
import type { ChannelValue } from './channel-affine'
import { foldableLayerOf, type FoldableLayer } from './linear-layer'
import { affineOf, isAffine, isBatchNorm, rankOf, type FoldRules } from './plan'

export interface FoldBefore {
  readonly layer: FoldableLayer
  readonly layout: WeightGrid
  /** The operators that disappear, in the order in which they run. */
  readonly head: readonly Node[]
  /** What the first of them reads; from then on the layer reads it. */
  readonly input: string
  /** What all of them together do to the layer's input. */
  readonly affine: Affine
}

/** `reasons`: why a batch normalization in front of a layer stays, by node. */
export function planFoldsBefore(
  graph: GraphEdit,
  rules: FoldRules,
): { readonly folds: readonly FoldBefore[]; readonly reasons: ReadonlyMap<Node, string> } {
  const folds: FoldBefore[] = []
  const reasons = new Map<Node, string>()
  for (const node of graph.draft.nodes) {
    if (!isLinear(node) || !stepBefore(graph, node, node.inputs[0] ?? '', rules)) continue
    const layer = foldableLayerOf(node, rules.opset, graph.constant, (value) => rankOf(graph, value))
    const layout = typeof layer === 'string' ? undefined : weightGridOf(layer)
    if (typeof layer === 'string' || !layout) continue
    const fold = followHead(graph, layer, layout, rules, reasons)
    if (fold) folds.push(fold)
  }
  return { folds, reasons }
}

function followHead(
  graph: GraphEdit,
  layer: FoldableLayer,
  layout: WeightGrid,
  rules: FoldRules,
  reasons: Map<Node, string>,
): FoldBefore | undefined {
  const channels = layout.groups * layout.inputs
  const head: Node[] = []
  let affine = identityAffine(channels)
  let [reader, value] = [layer.node, layer.node.inputs[0] ?? '']
  for (;;) {
    const node = stepBefore(graph, reader, value, rules)
    if (!node) break
    const input = dataInput(node, graph)
    const step = affineBefore(node, { name: input, channels, rank: layer.rank }, graph, rules)
    const reason = typeof step === 'string' ? step : shiftReason(layer.node, step)
    if (typeof step === 'string' || reason !== undefined) {
      if (isBatchNorm(node) && reason !== undefined) reasons.set(node, reason)
      break
    }
    head.unshift(node)
    affine = compose(step, affine)
    ;[reader, value] = [node, input]
  }
  const isShifted = affine.shift.some((shift) => shift !== 0)
  // A MatMul with a shift becomes a Gemm; that is worth it only where a batch normalization goes away.
  const isWorthIt = layer.node.opType !== 'MatMul' || !isShifted || head.some(isBatchNorm)
  return head.length > 0 && isWorthIt ? { layer, layout, head, input: value, affine } : undefined
}

/** The operator that makes `value` for this reader alone, if it may be a scale or a shift. */
function stepBefore(graph: GraphEdit, reader: Node, value: string, rules: FoldRules): Node | undefined {
  const node = graph.draft.index.producer(value)
  if (!node || !isAffine(node, rules) || onlyReader(graph.draft.index, value) !== reader) return undefined
  return reader.inputs.filter((name) => name === value).length === 1 ? node : undefined
}

const dataInput = (node: Node, { constant }: GraphEdit): string =>
  (isBatchNorm(node) ? node.inputs[0] : node.inputs.find((name) => !constant(name))) ?? ''

/** A constant may also spread its operand over more channels or axes; here it must not. */
function affineBefore(node: Node, value: ChannelValue, graph: GraphEdit, rules: FoldRules): Affine | string {
  const type = graph.type(value.name)
  const shape = type?.kind === 'tensor' ? type.shape : undefined
  if (shape?.length !== value.rank || shape[1] !== value.channels) return 'the shape of its input is not known'
  return affineOf(node, value, graph, rules)
}

function shiftReason(layer: Node, { shift }: Affine): string | undefined {
  if (shift.every((value) => value === 0)) return undefined
  if (isOp(layer, 'ConvTranspose'))
    return `${nodeLabel(layer)} after it overlaps its windows, which a shift would not survive`
  return isOp(layer, 'Conv') && isPadded(layer)
    ? `${nodeLabel(layer)} after it pads, and what it pads with is not shifted`
    : undefined
}
