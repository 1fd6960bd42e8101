// Operators that reduce over axes, which stand in an attribute or, since opset 13 (`ReduceSum`) or 18, in an input.

import type { DType } from '../dtype'
import { intAttribute } from '../node'
import type { Dim, Shape } from '../shape'
import { frontAxis, unknownShape } from './dims'
import { allNumbers, integersOf, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'
import { fitItem, smallScalar, smallVector, type SmallTensor } from './small-tensor'

/** Shape without the reduced axes, or with ones in their place. */
function reducedShape(shape: Shape | undefined, axes: ReadonlySet<number>, keeps: boolean): Shape | undefined {
  if (!shape) return undefined
  return keeps ? shape.map((dim, axis) => (axes.has(axis) ? 1 : dim)) : shape.filter((_, axis) => !axes.has(axis))
}

function reducedAxes(context: NodeContext, rank: number): ReadonlySet<number> | undefined {
  const given = integersOf(context, 'axes', context.node.opType === 'QLinearReduceMean' ? -1 : 1)
  if (given === 'unknown') return undefined
  const isEmpty = given === 'absent' || given.length === 0
  if (isEmpty && intAttribute(context.node, 'noop_with_empty_axes', 0) === 1) return new Set()
  if (isEmpty) return new Set(Array.from({ length: rank }, (_, axis) => axis))
  const axes = new Set<number>()
  for (const axis of given) {
    const front = frontAxis(axis, rank)
    if (front === undefined) return undefined
    axes.add(front)
  }
  return axes
}

const reduction =
  (combine?: (items: readonly number[]) => number, result?: DType): Rule =>
  (context) => {
    const dtype = result ?? context.dtype(0)
    const shape = context.shape(0)
    const keeps = intAttribute(context.node, 'keepdims', 1) === 1
    const axes = shape && reducedAxes(context, shape.length)
    if (!shape || !axes) return [tensorFacts(dtype, shape && keeps ? unknownShape(shape.length) : undefined)]
    const value =
      combine && axes.size === 1 && shape.length === 1 ? reducedValue(context, combine, dtype, keeps) : undefined
    return [tensorFacts(dtype, reducedShape(shape, axes, keeps), value)]
  }

/** Contents are reduced only for vectors: that is what shape arithmetic needs. */
function reducedValue(
  context: NodeContext,
  combine: (items: readonly number[]) => number,
  dtype: DType | undefined,
  keeps: boolean,
): SmallTensor | undefined {
  const items = context.value(0)?.items
  const numbers = allNumbers(items)
  if (!items || !dtype) return undefined
  const item: Dim = numbers ? fitItem(combine(numbers), dtype) : null
  return keeps ? smallVector([item]) : smallScalar(item)
}

const argument: Rule = (context) => {
  const shape = context.shape(0)
  const axis = shape && frontAxis(intAttribute(context.node, 'axis', 0), shape.length)
  const keeps = intAttribute(context.node, 'keepdims', 1) === 1
  return [tensorFacts('int64', axis === undefined ? undefined : reducedShape(shape, new Set([axis]), keeps))]
}

const sum = (items: readonly number[]): number => items.reduce((total, item) => total + item, 0)
const product = (items: readonly number[]): number => items.reduce((total, item) => total * item, 1)

export const REDUCE_RULES: RuleTable = {
  ReduceL1: reduction(),
  ReduceL2: reduction(),
  ReduceLogSum: reduction(),
  ReduceLogSumExp: reduction(),
  ReduceMax: reduction((items) => Math.max(...items)),
  ReduceMean: reduction(),
  ReduceMin: reduction((items) => Math.min(...items)),
  ReduceProd: reduction(product),
  ReduceSum: reduction(sum),
  ReduceSumSquare: reduction(),
  ArgMax: argument,
  ArgMin: argument,
}

export const MICROSOFT_REDUCE_RULES: RuleTable = {
  ReduceSumInteger: reduction(undefined, 'int32'),
  QLinearReduceMean: reduction(),
}
