// The Gauss–Legendre rule: nodes and weights that integrate smooth functions over −1 … 1.

export interface QuadratureRule {
  readonly nodes: Float64Array
  readonly weights: Float64Array
}

/** `count` nodes, ascending; exact for polynomials of degree below 2 · `count`. */
export function gaussLegendre(count: number): QuadratureRule {
  const nodes = new Float64Array(count)
  const weights = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let x = -Math.cos((Math.PI * (i + 0.75)) / (count + 0.5))
    // From so near a start Newton doubles the right digits with every step.
    for (let step = 0; step < 5; step++) {
      const { value, slope } = legendre(count, x)
      x -= value / slope
    }
    const { slope } = legendre(count, x)
    nodes[i] = x
    weights[i] = 2 / ((1 - x * x) * slope * slope)
  }
  return { nodes, weights }
}

/** The Legendre polynomial of a degree at x, by Bonnet's recursion. */
function legendre(degree: number, x: number) {
  let [before, value] = [1, x]
  for (let n = 1; n < degree; n++) [before, value] = [value, ((2 * n + 1) * x * value - n * before) / (n + 1)]
  return { value, slope: (degree * (x * value - before)) / (x * x - 1) }
}
