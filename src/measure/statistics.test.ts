import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { seededRng } from '../core/numeric/rng'
import { accuracyLooks, comparePaired, correctAnswers } from './accuracy-comparison'
import { clusteredAgreement } from './clustered-agreement'
import { spendingBoundaries } from './group-sequential'
import { hodgesLehmann, selectKth } from './hodges-lehmann'
import { normalCdf } from './normal-distribution'
import { ascending, median, sortedQuantile } from './quantiles'
import { LOOKS } from './sampling-plan'
import { signedRankCut } from './signed-rank'
import { tangoInterval } from './tango-interval'

const pairOf = ([low, high]: readonly number[]): [number, number] => [low ?? NaN, high ?? NaN]

function expectInterval(actual: readonly [number, number] | null, expected: readonly number[], digits: number): void {
  const [low, high] = pairOf(expected)
  expect(actual?.[0]).toBeCloseTo(low, digits)
  expect(actual?.[1]).toBeCloseTo(high, digits)
}

describe('the normal distribution', () => {
  it('is that of SciPy to 14 digits', () => {
    for (const { x, cdf } of reference.normal) expect(Math.abs(normalCdf(x) - cdf)).toBeLessThan(1e-14)
  })
})

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

describe('the Hodges–Lehmann interval', () => {
  it.each(reference.signedRank)(
    'is what SciPy’s exact test does not reject, case %#',
    ({ differences, z, estimate, interval }) => {
      const location = hodgesLehmann(differences, z)
      expect(location.estimate).toBeCloseTo(estimate, 14)
      expectInterval(location.interval, interval, 14)
    },
  )

  it('does not exist where the differences are too few for the level', () => {
    expect(hodgesLehmann([1, 2, 3, 4, 5], 1.96).interval).toBeNull()
    expect(hodgesLehmann([1, 2, 3, 4, 5, 6], 1.96).interval).toEqual([1, 6])
  })

  it('shifts and mirrors with its data', () => {
    const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 10, maxLength: 40 })
    fc.assert(
      fc.property(numbers, fc.integer({ min: -50, max: 50 }), (differences, shift) => {
        const { estimate, interval } = hodgesLehmann(differences, 2.12)
        const moved = hodgesLehmann(
          differences.map((d) => shift - d),
          2.12,
        )
        expect(moved.estimate).toBe(shift - estimate)
        expect(moved.interval).toEqual(interval && [shift - interval[1], shift - interval[0]])
      }),
    )
  })

  it('covers the centre of tied data at least as often as it promises', () => {
    // Clocks are coarse, so differences repeat: values −2 … 2 only.
    const rng = seededRng(3)
    let covered = 0
    for (let run = 0; run < 4000; run++) {
      const differences = Array.from({ length: 20 }, () => Math.round(0.8 * rng.normal()))
      const { interval } = hodgesLehmann(differences, 1.96)
      if (interval && interval[0] <= 0 && interval[1] >= 0) covered++
    }
    expect(covered / 4000).toBeGreaterThanOrEqual(0.95)
  })
})

it('selection finds what sorting would put there', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 30 }),
      fc.nat(),
      (values, seed) => {
        const k = seed % values.length
        expect(selectKth(Float64Array.from(values), k)).toBe([...values].sort((a, b) => a - b)[k])
      },
    ),
  )
})

it('the signed-rank cut approaches that of the normal distribution', () => {
  const n = 256
  const [mean, sd] = [(n * (n + 1)) / 4, Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24)]
  for (const z of [1.96, 2.37, 2.97])
    expect(Math.abs((signedRankCut(n, z) ?? NaN) - (mean - z * sd)) / sd).toBeLessThan(0.02)
})

describe('boundaries for several looks', () => {
  it.each(reference.spending)(
    'at $fractions are those of a multivariate normal integral',
    ({ fractions, boundaries }) => {
      const ours = spendingBoundaries(fractions)
      boundaries.forEach((z, look) => expect(ours[look]).toBeCloseTo(z, 3))
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

describe('the accuracy comparison', () => {
  it.each(reference.tango)('has Tango’s interval for $onlyA and $onlyB of $n', ({ onlyA, onlyB, n, z, interval }) => {
    expectInterval(tangoInterval({ onlyA, onlyB, n }, z), interval, 8)
  })

  it('is ± 0.38 points wide when none of 1,000 answers changed', () => {
    const same = Array.from({ length: 1000 }, (_, index) => index % 10 > 0)
    const { a, b, difference, ci95 } = comparePaired(same, same)
    expect([a, b, difference]).toEqual([0.9, 0.9, 0])
    expect(ci95[0]).toBeCloseTo(-0.0038, 4)
    expect(ci95[1]).toBeCloseTo(0.0038, 4)
  })

  it('mirrors when both are exchanged, and stays within −1 and 1', () => {
    const answers = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(answers, (pairs) => {
        const [a, b] = [pairs.map(([one]) => one), pairs.map(([, other]) => other)]
        const [forth, back] = [comparePaired(a, b), comparePaired(b, a)]
        expectInterval(forth.ci95, [-back.ci95[1], -back.ci95[0]], 9)
        expect(forth.ci95[0]).toBeGreaterThanOrEqual(-1)
        expect(forth.ci95[1]).toBeLessThanOrEqual(1)
        expect(forth.ci95[0]).toBeLessThanOrEqual(forth.difference)
        expect(forth.ci95[1]).toBeGreaterThanOrEqual(forth.difference)
      }),
    )
  })

  it('is refused for lists of different length', () => {
    expect(() => comparePaired([true], [])).toThrow(/same examples/)
    expect(() => correctAnswers([1], [1, 2])).toThrow(/2 labels/)
  })

  it('is looked at in stages that end with the whole set, the strictest first', () => {
    expect(accuracyLooks(10_000).map(({ n }) => n)).toEqual([500, 1250, 3000, 10_000])
    expect(accuracyLooks(2000).map(({ n, isLast }) => [n, isLast])).toEqual([
      [500, false],
      [1250, false],
      [2000, true],
    ])
    expect(accuracyLooks(300)).toMatchObject([{ n: 300, isLast: true }])
    expect(accuracyLooks(300)[0]?.z).toBeCloseTo(1.96, 2)
    const z = accuracyLooks(10_000).map((look) => look.z)
    expect(z).toEqual([...z].sort((a, b) => b - a))
  })

  it('with its stages errs in at most 5 % of comparisons of equals', () => {
    const rng = seededRng(9)
    const looks = accuracyLooks(3000)
    let misses = 0
    for (let run = 0; run < 1000; run++) {
      let [onlyA, onlyB, seen] = [0, 0, 0]
      let isMiss = false
      for (const { n, z } of looks) {
        for (; seen < n; seen++) {
          const draw = rng.next()
          if (draw < 0.02) onlyA++
          else if (draw < 0.04) onlyB++
        }
        const [low, high] = tangoInterval({ onlyA, onlyB, n }, z)
        isMiss ||= low > 0 || high < 0
      }
      misses += Number(isMiss)
    }
    // Three standard errors of a rate of 5 % in 1,000.
    expect(misses / 1000).toBeLessThan(0.05 + 0.021)
    expect(misses).toBeGreaterThan(20)
  })
})

describe('agreement over clusters', () => {
  it.each(reference.clusters)('has the interval of an explicit sandwich sum, case %#', (stored) => {
    const result = clusteredAgreement(stored.agrees.map(Boolean), stored.clusters)
    expect(result.agreement).toBeCloseTo(stored.agreement, 12)
    expect(result.effectiveN).toBeCloseTo(stored.effectiveN, 2)
    // The table of t has four decimals.
    expectInterval(result.ci95, stored.interval, 4)
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
