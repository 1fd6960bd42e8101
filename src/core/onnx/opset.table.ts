// Which IR version came with which ai.onnx opset (the release table of ONNX), and the first IR version that knows a feature.

import type { DType } from '../model/dtype'

/** [first opset, IR version]: from that opset on, the release had this IR version. */
const IR_BY_OPSET = [
  [1, 3],
  [9, 4],
  [10, 5],
  [11, 6],
  [12, 7],
  [15, 8],
  [19, 9],
  [21, 10],
  [23, 11],
  [24, 12],
  [25, 13],
] as const

/** The IR version of the ONNX release that brought this ai.onnx opset. */
export function irForOpset(opset: number): number {
  let ir: number = IR_BY_OPSET[0][1]
  for (const [first, version] of IR_BY_OPSET) if (opset >= first) ir = version
  return ir
}

/** Before this IR version every initializer had to be a graph input as well. */
export const IR_OF_BARE_INITIALIZERS = 4

/** Data types that came after the first ones, with the IR version that brought them. */
export const IR_BY_DTYPE: ReadonlyMap<DType, number> = new Map<DType, number>([
  ['bfloat16', 4],
  ['float8e4m3fn', 9],
  ['float8e4m3fnuz', 9],
  ['float8e5m2', 9],
  ['float8e5m2fnuz', 9],
  ['uint4', 10],
  ['int4', 10],
  ['float4e2m1', 11],
  ['float8e8m0', 12],
  ['uint2', 13],
  ['int2', 13],
])
