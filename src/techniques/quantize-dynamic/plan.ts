// Decides which nodes of one graph compute in integers. Changes nothing; every operator of a listed type that stays in float has a note.

import type { GraphEdit } from '../../core/model/map-graphs'
import { floatAttribute, intAttribute, isOp, nodeLabel, nodeName, type Node } from '../../core/model/node'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import type { OptionsOf } from '../../core/options/spec'
import type { Note } from '../../core/pass/technique'
import type { spec } from './spec'

export type DynamicOptions = OptionsOf<(typeof spec)['options']>

export type PlannedNode =
  | { readonly kind: 'MatMul' | 'Gemm' | 'Conv'; readonly node: Node; readonly weight: Tensor }
  /** `isByRow`: the table gets a scale per row, and the rows become float right after the lookup. */
  | { readonly kind: 'Gather'; readonly node: Node; readonly weight: Tensor; readonly isByRow: boolean }
  /** Weights of the inputs and of the recurrence. */
  | { readonly kind: 'LSTM'; readonly node: Node; readonly weight: Tensor; readonly recurrence: Tensor }
  /** A MatMul whose second factor is computed while the model runs. */
  | { readonly kind: 'Product'; readonly node: Node }
  /** Moves integers where its input exists as integers. */
  | { readonly kind: 'Transpose'; readonly node: Node }

export interface DynamicPlan {
  readonly nodes: readonly PlannedNode[]
  readonly notes: readonly Note[]
}

/** The weight behind a name. */
export type Constants = GraphEdit['constant']
type Scope = Pick<GraphEdit, 'constant' | 'type'>
/** A node to quantize, the reason why a node of a listed type stays in float, or undefined for all others. */
type Decision = PlannedNode | string | undefined

/** What `operators` may name. */
const OPERATORS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv', 'Gather', 'Transpose', 'LSTM'])

/** Smaller tables save nothing worth a lookup through integers. */
const MIN_TABLE_NUMBERS = 1024

/** A note on each of `operators` that has no integer form here. */
export const unknownOperators = ({ operators }: DynamicOptions): readonly Note[] =>
  operators
    .filter((operator) => !OPERATORS.has(operator))
    .map((subject) => {
      const text = `Operator "${subject}" has no dynamic integer form; expected one of ${[...OPERATORS].join(', ')}.`
      return { kind: 'warning', subject, text }
    })

export function planDynamic(nodes: readonly Node[], scope: Scope, options: DynamicOptions): DynamicPlan {
  const planned: PlannedNode[] = []
  const notes: Note[] = []
  const integers = new Set<string>()
  for (const node of nodes) {
    const decision = select(decide(node, scope, options, integers), options)
    if (typeof decision === 'string') {
      const subject = nodeLabel(node)
      notes.push({ kind: 'skipped', subject, text: `${node.opType} "${subject}" stays in float: ${decision}` })
    } else if (decision) {
      planned.push(decision)
      for (const value of valuesInIntegers(decision, options)) integers.add(value)
    }
  }
  return { nodes: planned, notes }
}

/** Values that a Transpose behind this node finds as integers. */
function valuesInIntegers(planned: PlannedNode, { layout }: DynamicOptions): readonly string[] {
  const { kind, node } = planned
  if (kind === 'Transpose' || (kind === 'Gather' && !planned.isByRow)) return node.outputs
  // Here a float value stands beside the integers, so turning these around would only lose precision: the toolkit does it all the same.
  if (layout === 'engine' || kind === 'LSTM' || kind === 'Gather') return []
  return node.inputs.slice(0, kind === 'Product' ? 2 : 1)
}

/** Whether the name options let the node through. */
function select(decision: Decision, { operators, nodes, excludeNodes, layout }: DynamicOptions): Decision {
  if (decision === undefined || typeof decision === 'string') return decision
  const { node, kind } = decision
  const isNamed = (names: readonly string[]): boolean => names.includes(nodeName(node))
  // The toolkit turns Gemm into MatMul before it looks at the operators.
  const isAskedFor = operators.includes(node.opType) || (layout === 'reference' && isGemmAsMatMul(node, operators))
  const reason =
    operators.length > 0 && !isAskedFor
      ? 'its operator is not among those asked for.'
      : nodes.length > 0 && !isNamed(nodes)
        ? 'it is not among the nodes asked for.'
        : isNamed(excludeNodes)
          ? 'it was excluded by name.'
          : undefined
  if (reason === undefined) return decision
  return kind === 'Transpose' ? undefined : reason
}

const isGemmAsMatMul = (node: Node, operators: readonly string[]): boolean =>
  node.opType === 'Gemm' && operators.includes('MatMul')

function decide(node: Node, scope: Scope, options: DynamicOptions, integers: ReadonlySet<string>): Decision {
  if (isOp(node, 'MatMul')) return decideMatMul(node, scope, options)
  if (isOp(node, 'Gemm')) return decideGemm(node, scope, options)
  if (isOp(node, 'Conv') && options.convolutions) return decideConv(node, scope, options)
  if (isOp(node, 'Gather') && options.embeddings) return decideGather(node, scope, options)
  if (isOp(node, 'LSTM')) return decideLstm(node, scope)
  if (isOp(node, 'Transpose')) return integers.has(node.inputs[0] ?? '') ? { kind: 'Transpose', node } : undefined
  if (isOp(node, 'GRU') || isOp(node, 'RNN')) return 'ONNX Runtime has no integer form of it.'
  if (FUSED.has(node.opType) && node.domain === 'com.microsoft') return 'fused operators are left alone.'
  return undefined
}

/** Made by the optimizers of transformers: models are quantized before them. */
const FUSED: ReadonlySet<string> = new Set(['Attention', 'EmbedLayerNormalization', 'MultiHeadAttention'])
const NO_WEIGHT = 'both its inputs are computed while the model runs, so there is no weight to store.'
const notFloat = ({ dtype }: Tensor): string => `its weight is ${dtype}, float32 was expected.`

function decideMatMul(node: Node, scope: Scope, { constantWeightsOnly }: DynamicOptions): Decision {
  const [left = '', right = ''] = node.inputs
  const weight = scope.constant(right)
  if (weight) {
    if (weight.dtype !== 'float32') return notFloat(weight)
    return weight.dims.length < 2 ? 'its weight is a vector.' : { kind: 'MatMul', node, weight }
  }
  if (constantWeightsOnly) return scope.constant(left) ? 'its weight is the left factor.' : NO_WEIGHT
  const isFloat = [left, right].every((value) => isFloat32(value, scope))
  return isFloat ? { kind: 'Product', node } : 'its factors are not known to be float32.'
}

function isFloat32(value: string, scope: Scope): boolean {
  const type = scope.type(value)
  return (type?.kind === 'tensor' ? type.dtype : scope.constant(value)?.dtype) === 'float32'
}

function decideGemm(node: Node, scope: Scope, { layout }: DynamicOptions): Decision {
  const weight = scope.constant(node.inputs[1] ?? '')
  if (!weight) return NO_WEIGHT
  if (weight.dtype !== 'float32') return notFloat(weight)
  if (intAttribute(node, 'transA', 0) !== 0) return 'its left factor is transposed.'
  const alpha = floatAttribute(node, 'alpha', 1)
  if (!Number.isFinite(alpha)) return 'its alpha is not finite.'
  const isPlain = alpha === 1 && floatAttribute(node, 'beta', 1) === 1
  if (layout === 'reference' && !isPlain) return 'its alpha or beta is not 1, which the reference layout leaves alone.'
  return { kind: 'Gemm', node, weight }
}

function decideConv(node: Node, scope: Scope, { depthwise, layout }: DynamicOptions): Decision {
  const weight = scope.constant(node.inputs[1] ?? '')
  if (!weight) return 'its weight is computed while the model runs.'
  if (weight.dtype !== 'float32') return notFloat(weight)
  const isDepthwise = intAttribute(node, 'group', 1) > 1 && weight.dims[1] === 1
  if (isDepthwise && !depthwise && layout === 'engine') {
    return 'depthwise convolutions are slower in integers (an option takes them too).'
  }
  return { kind: 'Conv', node, weight }
}

function decideGather(node: Node, scope: Scope, { layout, granularity }: DynamicOptions): Decision {
  const weight = scope.constant(node.inputs[0] ?? '')
  if (weight?.dtype !== 'float32') return undefined
  if (layout === 'engine' && tensorCount(weight) < MIN_TABLE_NUMBERS) return undefined
  // One scale per row needs a table of rows: rank 2, axis 0.
  const isTableOfRows = weight.dims.length === 2 && intAttribute(node, 'axis', 0) === 0
  return { kind: 'Gather', node, weight, isByRow: layout === 'engine' && granularity === 'channel' && isTableOfRows }
}

function decideLstm(node: Node, scope: Scope): Decision {
  const [weight, recurrence] = [scope.constant(node.inputs[1] ?? ''), scope.constant(node.inputs[2] ?? '')]
  if (!weight || !recurrence) return 'its weights are computed while the model runs.'
  const wrong = [weight, recurrence].find(({ dtype }) => dtype !== 'float32')
  if (wrong) return notFloat(wrong)
  if (intAttribute(node, 'layout', 0) !== 0) return 'the integer kernel takes the batch as the second dimension only.'
  return { kind: 'LSTM', node, weight, recurrence }
}
