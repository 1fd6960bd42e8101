// Which inputs of which operators are weights, and along which axis each index has its own output: the axis that gets one scale
// per index. Only operators whose weights are worth compressing are listed.

import { intAttribute, isOp, type Node } from './node'

export interface WeightSlot {
  /** 0 or more; undefined: no axis of this input keeps outputs apart, so one scale serves the whole tensor. */
  readonly axis: number | undefined
}

type AxisRule = (node: Node, rank: number) => number | undefined

const lastAxis: AxisRule = (_, rank) => (rank > 1 ? rank - 1 : undefined)
const firstAxis: AxisRule = () => 0
const secondAxis: AxisRule = () => 1
const wholeTensor: AxisRule = () => undefined
const rows: AxisRule = (_, rank) => (rank > 1 ? rank - 2 : undefined)
const gathered: AxisRule = (node, rank) => {
  const axis = intAttribute(node, 'axis', 0)
  return axis < 0 ? axis + rank : axis
}

/** Per operator: input position → axis. W and R of the recurrent ones are [directions, gates · hidden, …]. */
const RULES: Readonly<Record<string, Readonly<Record<number, AxisRule>>>> = {
  Conv: { 1: firstAxis },
  DeformConv: { 1: firstAxis },
  ConvTranspose: { 1: secondAxis },
  Gemm: {
    0: (node) => (intAttribute(node, 'transA', 0) ? 1 : 0),
    1: (node) => (intAttribute(node, 'transB', 0) ? 0 : 1),
  },
  MatMul: { 0: rows, 1: lastAxis },
  Gather: { 0: gathered },
  GatherND: { 0: wholeTensor },
  Einsum: { 0: wholeTensor, 1: wholeTensor },
  LSTM: { 1: secondAxis, 2: secondAxis },
  GRU: { 1: secondAxis, 2: secondAxis },
  RNN: { 1: secondAxis, 2: secondAxis },
}

/** Undefined when the input is not a weight of an operator in the list. */
export function weightSlot(node: Node, input: number, rank: number): WeightSlot | undefined {
  if (!isOp(node, node.opType)) return undefined
  const rule = Object.hasOwn(RULES, node.opType) ? RULES[node.opType]?.[input] : undefined
  return rule && { axis: rule(node, rank) }
}
