// The oracle: SmoothQuant of one matrix product by the formula, in float64. For tests only.

type Matrix = readonly (readonly number[])[]

/** `x`: rows of inputs; `w`: [inputs][outputs]. */
export function referenceSmooth(
  x: Matrix,
  w: Matrix,
  alpha: number,
): { readonly s: readonly number[]; readonly x: Matrix; readonly w: Matrix } {
  const s = w.map((row, j) => {
    const activation = Math.max(...x.map((sample) => Math.abs(sample[j] as number)))
    return activation ** alpha / Math.max(...row.map(Math.abs)) ** (1 - alpha)
  })
  return {
    s,
    x: x.map((row) => row.map((value, j) => value / (s[j] as number))),
    w: w.map((row, j) => row.map((value) => value * (s[j] as number))),
  }
}
