// The factors that make all layers of a chain alike.

/**
 * Divisors of the values between the layers of a chain, one array for each gap: `peaks[k][i]` is how large channel i of layer k is, of its
 * outputs, for the last layer of its inputs. All layers end at the geometric mean (for two: s = √(r₁/r₂)). 1 where a peak is 0.
 */
export function chainDivisors(peaks: readonly Float64Array[]): Float64Array[] {
  const divisors = peaks.slice(1).map(({ length }) => new Float64Array(length).fill(1))
  const channels = peaks[0]?.length ?? 0
  for (let i = 0; i < channels; i++) {
    const sizes = peaks.map((layer) => layer[i] as number)
    if (!sizes.every((size) => size > 0 && size < Infinity)) continue
    const logMean = sizes.reduce((sum, size) => sum + Math.log(size), 0) / sizes.length
    let log = 0
    for (const [gap, divisor] of divisors.entries()) {
      log += Math.log(sizes[gap] as number) - logMean
      divisor[i] = Math.exp(log)
    }
  }
  return divisors
}
