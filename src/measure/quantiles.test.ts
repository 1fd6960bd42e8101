import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { normalCdf } from './normal-distribution'
import { ascending, median, sortedQuantile } from './quantiles'
import { criticalT } from './student-t'

describe('quantiles', () => {
  it('are those of NumPy', () => {
    for (const { values, p, quantile } of reference.quantiles) {
      expect(sortedQuantile(ascending(values), p)).toBeCloseTo(quantile, 12)
    }
  })

  it('of nothing are not a number', () => {
    expect(median([])).toBeNaN()
  })
})

it('the normal distribution is that of SciPy to 14 digits', () => {
  for (const { x, cdf } of reference.normal) expect(Math.abs(normalCdf(x) - cdf)).toBeLessThan(1e-14)
})

it.each(reference.student)('t of $inside at $degrees degrees of freedom is SciPy’s', ({ degrees, inside, t }) => {
  expect(criticalT(degrees, inside) / t).toBeCloseTo(1, 12)
})
