// The standard normal distribution: density and distribution function, in double precision for |x| ≤ 6.

export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)

/** P(Z ≤ x). Series of Marsaglia, “Evaluating the normal distribution”, J. Stat. Software 11 (2004): absolute error below 1e-15. */
export function normalCdf(x: number): number {
  if (x < -8) return 0
  if (x > 8) return 1
  let sum = x
  let term = x
  let previous = NaN
  for (let i = 3; sum !== previous; i += 2) {
    previous = sum
    term *= (x * x) / i
    sum += term
  }
  return 0.5 + sum * normalDensity(x)
}
