import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { clusteredAgreement } from './clustered-agreement'
import { wilsonInterval } from './wilson-interval'

it.each(reference.wilson)('the Wilson interval of $p in $n is SciPy’s', ({ p, n, z, interval }) => {
  expect(wilsonInterval(p, n, z)).toEqual(interval.map((end) => expect.closeTo(end, 9)))
})

describe('agreement over clusters', () => {
  it.each(reference.clusters)('has the interval of an explicit sandwich sum, case %#', (stored) => {
    const result = clusteredAgreement(stored.agrees.map(Boolean), stored.clusters)
    expect(result.agreement).toBeCloseTo(stored.agreement, 12)
    expect(result.effectiveN).toBeCloseTo(stored.effectiveN, 9)
    expect(result.ci95).toEqual(stored.interval.map((end) => expect.closeTo(end, 9)))
  })

  it('without any disagreement counts each cluster once', () => {
    const { ci95, agreement } = clusteredAgreement(
      Array.from({ length: 200 }, () => true),
      Array.from({ length: 200 }, (_, i) => i % 5),
    )
    expect(agreement).toBe(1)
    expect(ci95[0]).toBeLessThan(0.5)
    expect(ci95[1]).toBe(1)
  })

  it('of a single cluster is refused', () => {
    expect(() => clusteredAgreement([true, false], [1, 1])).toThrow(/two groups/)
  })
})
