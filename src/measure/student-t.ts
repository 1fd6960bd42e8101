// Critical values of Student's t for whole degrees of freedom, from the finite series of its distribution (Abramowitz & Stegun
// 26.7.3 and 26.7.4).

/** The t that P(|T| ≤ t) = `inside` holds for, 0 < `inside` < 1; relative error below 1e-12 up to 0.9999. */
export function criticalT(degrees: number, inside: number): number {
  // In the angle θ = atan(t/√ν) the search has two finite ends.
  let low = 0
  let high = Math.PI / 2
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (probabilityInside(degrees, middle) < inside) low = middle
    else high = middle
  }
  return Math.tan(low) * Math.sqrt(degrees)
}

/** P(|T| ≤ √ν · tan θ). */
function probabilityInside(degrees: number, angle: number): number {
  const isOdd = degrees % 2 === 1
  const squared = Math.cos(angle) ** 2
  let term = isOdd ? Math.cos(angle) : 1
  let sum = 0
  for (let k = isOdd ? 3 : 2; k <= degrees; k += 2) {
    sum += term
    term *= (squared * (k - 1)) / k
  }
  return isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum
}
