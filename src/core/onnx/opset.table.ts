// Which IR version came with which ai.onnx opset (the release table of ONNX), and the first IR version that knows a feature.

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
