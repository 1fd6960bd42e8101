// Quantize, dequantize and the integer operators that carry scales and zero points beside their data.

import type { DType } from '../dtype'
import { intAttribute } from '../node'
import { broadcastShapes, frontAxis } from './dims'
import { dtypeAttribute } from './generate.table'
import { concatShape } from './reshape.table'
import { tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'

/** The zero point's data type; without one the attribute (opset 21), else uint8. */
const quantizedDtype = (context: NodeContext): DType | undefined =>
  context.has(2) ? context.dtype(2) : (dtypeAttribute(context, 'output_dtype') ?? 'uint8')

const quantize: Rule = (context) => [tensorFacts(quantizedDtype(context), context.shape(0))]

const dequantize: Rule = (context) => [
  tensorFacts(dtypeAttribute(context, 'output_dtype') ?? context.dtype(1), context.shape(0)),
]

const dynamicQuantize: Rule = (context) => [
  tensorFacts('uint8', context.shape(0)),
  tensorFacts('float32', []),
  tensorFacts('uint8', []),
]

/** Operands are (data, scale, zero point) each. */
const quantizedBroadcast: Rule = (context) => [
  tensorFacts(context.dtype(0), broadcastShapes([context.shape(0), context.shape(3)])),
]

/** Output scale and zero point come first, then (data, scale, zero point) a part. */
const quantizedConcat: Rule = (context) => {
  const parts = Array.from({ length: Math.floor((context.inputCount - 2) / 3) }, (_, part) =>
    context.shape(2 + part * 3),
  )
  const rank = parts.find((shape) => shape !== undefined)?.length
  const axis = rank === undefined ? undefined : frontAxis(intAttribute(context.node, 'axis', 0), rank)
  const shape = rank === undefined || axis === undefined ? undefined : concatShape(parts, rank, axis)
  return [tensorFacts(context.dtype(1) ?? context.dtype(2), shape)]
}

const quantizedWhere: Rule = (context) => [
  tensorFacts(context.dtype(1), broadcastShapes([context.shape(0), context.shape(1), context.shape(4)])),
]

export const QUANTIZE_RULES: RuleTable = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
}

export const MICROSOFT_QUANTIZE_RULES: RuleTable = {
  ...QUANTIZE_RULES,
  MulInteger: (context) => [tensorFacts('int32', broadcastShapes([context.shape(0), context.shape(2)]))],
  QLinearAdd: quantizedBroadcast,
  QLinearConcat: quantizedConcat,
  QLinearMul: quantizedBroadcast,
  QLinearWhere: quantizedWhere,
}
