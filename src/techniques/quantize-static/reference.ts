// The readable twin of a statically quantized Gemm, in float64 and slowly: y = x · w + b with x, w and b rounded to their integers.
// Used by tests only.

type Matrix = readonly (readonly number[])[]

export interface ReferenceLayer {
  readonly x: Matrix
  /** One row per input, one column per output. */
  readonly w: Matrix
  readonly b: readonly number[]
  /** Range of x that was measured. */
  readonly range: readonly [min: number, max: number]
}

/** Activations uint8, weights int8 with one scale per column, biases int32 in the unit of the sums; the sums themselves stay exact. */
export function integerLayer({ x, w, b, range }: ReferenceLayer): number[][] {
  const [low, high] = [Math.min(0, range[0]), Math.max(0, range[1])]
  const extent = Math.fround(high - low) / 255
  const xScale = Math.fround(extent)
  const xZero = tiesToEven(-low / extent)
  const xq = x.map((row) => row.map((value) => clip(tiesToEven(Math.fround(value / xScale)) + xZero, 0, 255) - xZero))
  const columns = b.map((bias, column) => {
    const values = w.map((row) => row[column] as number)
    const scale = Math.fround(Math.fround(2 * Math.max(...values.map(Math.abs))) / 254)
    const unit = Math.fround(xScale * scale)
    return {
      weights: values.map((value) => clip(tiesToEven(Math.fround(value / scale)), -128, 127)),
      bias: tiesToEven(bias / unit),
      unit: xScale * scale,
    }
  })
  return xq.map((row) =>
    columns.map(({ weights, bias, unit }) => {
      const sum = weights.reduce((total, weight, k) => total + weight * (row[k] as number), bias)
      return sum * unit
    }),
  )
}

const clip = (value: number, lowest: number, highest: number): number => Math.min(Math.max(value, lowest), highest)

function tiesToEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}

/** Mean over `inputs` of (W − Ŵ) x, one number per row of W; one scale, zero point 0. */
export function referenceBiasShift(
  rows: Matrix,
  scale: number,
  [lowest, highest]: readonly [number, number],
  inputs: Matrix,
): number[] {
  return rows.map((row) => {
    const errors = row.map((value) => value - clip(tiesToEven(Math.fround(value / scale)), lowest, highest) * scale)
    const sums = inputs.map((x) => errors.reduce((sum, error, k) => sum + error * (x[k] as number), 0))
    return sums.reduce((sum, value) => sum + value, 0) / inputs.length
  })
}

/** Of the ranges max · i / 20 for int4 with one scale for all rows, the i whose output error over `inputs` is least. */
export function referenceBestStep(rows: Matrix, inputs: Matrix): number {
  const peak = Math.max(...rows.flat().map(Math.abs))
  const errorOf = (step: number): number => {
    const scale = Math.fround((2 * peak * step) / 20 / 15)
    const errors = rows.flatMap((row) =>
      inputs.map((x) => {
        const error = (value: number): number => value - clip(tiesToEven(Math.fround(value / scale)), -8, 7) * scale
        return row.reduce((sum, value, k) => sum + error(value) * (x[k] as number), 0)
      }),
    )
    return errors.reduce((sum, error) => sum + error * error, 0)
  }
  const steps = Array.from({ length: 20 }, (_, i) => 20 - i)
  return steps.reduce((best, step) => (errorOf(step) < errorOf(best) ? step : best))
}
