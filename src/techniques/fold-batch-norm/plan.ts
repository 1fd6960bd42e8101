// Which operators go into which weights. Data only: nothing is computed here but the scales and shifts themselves.

import { onlyReader, type GraphIndex } from '../../core/model/graph-index'
import { isLinear, type Affine } from '../../core/model/linear-layer'
import type { GraphEdit } from '../../core/model/map-graphs'
import { isOp, nodeLabel, type Node } from '../../core/model/node'
import { compose, identityAffine } from './affine'
import { batchNormOf, scaleOrShiftOf, type ChannelValue } from './channel-affine'
import { foldableLayerOf, type FoldableLayer } from './linear-layer'

export interface Fold {
  readonly layer: FoldableLayer
  /** The operators that disappear, in order. */
  readonly tail: readonly Node[]
  /** What all of them together do to the layer's output. */
  readonly affine: Affine
}

export interface FoldPlan {
  readonly folds: readonly Fold[]
  /** Why a batch normalization stays where it is, by node. */
  readonly reasons: ReadonlyMap<Node, string>
}

export interface FoldRules {
  readonly opset: number
  readonly includeScaleAndShift: boolean
}

export function planFolds(graph: GraphEdit, rules: FoldRules): FoldPlan {
  const folds: Fold[] = []
  const reasons = new Map<Node, string>()
  const { index, nodes } = graph.draft
  for (const node of nodes) {
    if (!isLinear(node)) continue
    const next = onlyReader(index, node.outputs[0] ?? '')
    if (typeof next !== 'string' && !isAffine(next, rules)) continue
    const layer = foldableLayerOf(node, rules.opset, graph.constant, (value) => rankOf(graph, value))
    if (typeof layer === 'string') {
      if (typeof next !== 'string') reasons.set(next, layer)
      continue
    }
    const fold = followTail(graph, layer, rules, reasons)
    if (fold) folds.push(fold)
  }
  return { folds, reasons: withReasons(nodes, index, folds, reasons) }
}

function followTail(
  graph: GraphEdit,
  layer: FoldableLayer,
  rules: FoldRules,
  reasons: Map<Node, string>,
): Fold | undefined {
  const tail: Node[] = []
  let affine = identityAffine(layer.channels)
  for (let value = layer.node.outputs[0] ?? ''; ;) {
    const next = onlyReader(graph.draft.index, value)
    if (typeof next === 'string' || !isAffine(next, rules)) break
    const step = affineOf(next, { name: value, channels: layer.channels, rank: layer.rank }, graph, rules)
    if (typeof step === 'string') {
      reasons.set(next, step)
      break
    }
    tail.push(next)
    affine = compose(affine, step)
    value = next.outputs[0] ?? ''
  }
  // A MatMul becomes a Gemm; that is worth it only where a batch normalization goes away.
  const isWorthIt = layer.node.opType === 'MatMul' ? tail.some(isBatchNorm) : tail.length > 0
  return isWorthIt ? { layer, tail, affine } : undefined
}

/** What the node does to each channel of the value, else the reason why it is not that simple. */
export function affineOf(node: Node, value: ChannelValue, graph: GraphEdit, { opset }: FoldRules): Affine | string {
  if (node.inputs.filter((name) => name === value.name).length !== 1) return 'it reads the value twice'
  if (isBatchNorm(node) && node.inputs[0] !== value.name) return 'it reads the value as a parameter'
  return isBatchNorm(node)
    ? batchNormOf(node, value, opset, graph.constant)
    : scaleOrShiftOf(node, value, opset, graph.constant)
}

export const isBatchNorm = (node: Node): boolean => isOp(node, 'BatchNormalization')

/** The operator may scale or shift each channel. */
export const isAffine = (node: Node, { includeScaleAndShift }: FoldRules): boolean =>
  isBatchNorm(node) ||
  (includeScaleAndShift && node.domain === '' && ['Mul', 'Add', 'Sub', 'Div'].includes(node.opType))

/** A reason for each batch normalization that stays, also for those that no layer led to. */
function withReasons(
  nodes: readonly Node[],
  index: GraphIndex,
  folds: readonly Fold[],
  found: ReadonlyMap<Node, string>,
): ReadonlyMap<Node, string> {
  const folded = new Set(folds.flatMap(({ tail }) => tail))
  const reasons = new Map<Node, string>()
  for (const node of nodes) {
    if (!isBatchNorm(node) || folded.has(node)) continue
    const producer = index.producer(node.inputs[0] ?? '')
    const before = onlyReader(index, node.inputs[0] ?? '')
    const fallback =
      producer && isLinear(producer) && typeof before === 'string'
        ? before
        : `no weights stand right before it, but ${producer ? nodeLabel(producer) : 'an input of the graph'}`
    reasons.set(node, found.get(node) ?? fallback)
  }
  return reasons
}

export function rankOf(graph: GraphEdit, value: string): number | undefined {
  const type = graph.type(value)
  return type?.kind === 'tensor' ? type.shape?.length : undefined
}
