// The one-sided cumulative sum of Page, “Continuous inspection schemes” (Biometrika 41, 1954).

/**
 * S₀ = 0, Sᵢ = max(0, Sᵢ₋₁ + valueᵢ − allowance), one for each value. It leaves 0 when values exceed the allowance for a while; the
 * last 0 before it passes a limit is where they began to.
 */
export function cusum(values: Iterable<number>, allowance: number): Float64Array {
  let sum = 0
  return Float64Array.from(values, (value) => (sum = Math.max(0, sum + value - allowance)))
}
