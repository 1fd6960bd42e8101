import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { gaussLegendre } from './gauss-legendre'
import { spendingBoundaries } from './group-sequential'
import { LOOKS } from './sampling-plan'

describe('boundaries for several looks', () => {
  it.each(reference.spending)(
    'at $fractions are those of a finer integration',
    ({ fractions, boundaries, byIntegral }) => {
      const ours = spendingBoundaries(fractions)
      expect(ours).toEqual(boundaries.map((z) => expect.closeTo(z, 9)))
      // SciPy's multivariate normal integral is randomised: 1e-4 of z is its own error.
      byIntegral.forEach((z, look) => expect(Math.abs((ours[look] ?? NaN) - z)).toBeLessThan(1.5e-4))
    },
  )

  it('are the table that latency is looked at with, which is never less strict by more than its rounding', () => {
    const exact = spendingBoundaries(LOOKS.map(({ fraction }) => fraction))
    LOOKS.forEach(({ z }, look) => {
      expect(z).toBeGreaterThan((exact[look] ?? NaN) - 0.005)
      expect(z).toBeLessThan((exact[look] ?? NaN) + 0.03)
    })
  })
})

it('the Gauss–Legendre rule integrates polynomials below twice its nodes exactly', () => {
  for (const count of [1, 2, 5, 120]) {
    const { nodes, weights } = gaussLegendre(count)
    for (const power of [0, 1, 2 * count - 2, 2 * count - 1]) {
      const sum = nodes.reduce((total, node, i) => total + (weights[i] ?? NaN) * node ** power, 0)
      expect(sum).toBeCloseTo(power % 2 === 0 ? 2 / (power + 1) : 0, 13)
    }
  }
})
