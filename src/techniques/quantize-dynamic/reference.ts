// The readable twin of what a dynamically quantized matrix product computes, in float64 and slowly. Used by tests only.

export interface ReferenceForm {
  readonly weightType: 'int8' | 'uint8'
  readonly granularity: 'channel' | 'tensor'
  /** Fixed range of `x`; absent: its own. */
  readonly range?: readonly [min: number, max: number]
}

type Matrix = readonly (readonly number[])[]

interface Quantized {
  readonly q: Matrix
  /** Per column of the matrix. */
  readonly scales: readonly number[]
  readonly zeroPoints: readonly number[]
}

/** `x` · `w` as the sum over k of (xq − x_zero)(wq − w_zero), times x_scale · w_scale. */
export function integerProduct(x: Matrix, w: Matrix, { weightType, granularity, range }: ReferenceForm): number[][] {
  const columns = w[0]?.length ?? 0
  const wide = range ? fixedParams(range) : params(x.flat(), 'uint8')
  const xq = x.map((row) => row.map((value) => toInteger(value, wide, 'uint8') - wide.zeroPoint))
  const perColumn = Array.from({ length: columns }, (_, column) =>
    params(granularity === 'channel' ? w.map((row) => row[column] as number) : w.flat(), weightType),
  )
  const weights: Quantized = {
    q: w.map((row) => row.map((value, column) => toInteger(value, perColumn[column] as Params, weightType))),
    scales: perColumn.map(({ scale }) => scale),
    zeroPoints: perColumn.map(({ zeroPoint }) => zeroPoint),
  }
  return xq.map((row) =>
    weights.scales.map((scale, column) => {
      const sum = row.reduce(
        (total, value, k) =>
          total + value * ((weights.q[k]?.[column] as number) - (weights.zeroPoints[column] as number)),
        0,
      )
      return sum * wide.scale * scale
    }),
  )
}

/** DynamicQuantizeLinear (ONNX opset 11) of a vector of float32 values. */
export function quantizeLikeEngine(x: readonly number[]): Params & { readonly q: readonly number[] } {
  const wide = params(x, 'uint8')
  return { q: x.map((value) => toInteger(Math.fround(value), wide, 'uint8')), ...wide }
}

/** QuantizeLinear (ONNX opset 10) of a vector of float32 values with the scale and zero point of a fixed range. */
export function quantizeWithin(
  x: readonly number[],
  range: readonly [number, number],
): ReturnType<typeof quantizeLikeEngine> {
  const wide = fixedParams(range)
  return { q: x.map((value) => toInteger(Math.fround(value), wide, 'uint8')), ...wide }
}

/** As the toolkit does it: the zero point comes from the scale before it is rounded to float32. */
function fixedParams([min, max]: readonly [number, number]): Params {
  const low = Math.min(0, min)
  const scale = Math.fround(Math.max(0, max) - low) / 255 || 1
  return { scale: Math.fround(scale), zeroPoint: tiesToEven(0 - low / scale) }
}

interface Params {
  readonly scale: number
  readonly zeroPoint: number
}

function params(values: readonly number[], dtype: 'int8' | 'uint8'): Params {
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values)
  // Scales and quotients are float32 in the file and in the kernel; float64 ones would send ties to other integers.
  if (dtype === 'int8') return { scale: Math.fround(Math.max(-low, high) / 127) || 1, zeroPoint: 0 }
  const scale = Math.fround(Math.fround(high - low) / 255) || 1
  return { scale, zeroPoint: tiesToEven(0 - low / scale) }
}

function toInteger(value: number, { scale, zeroPoint }: Params, dtype: 'int8' | 'uint8'): number {
  const [lowest, highest] = dtype === 'int8' ? [-128, 127] : [0, 255]
  return Math.min(Math.max(tiesToEven(Math.fround(value / scale)) + zeroPoint, lowest), highest)
}

function tiesToEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}
