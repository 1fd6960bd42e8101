import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { seededRng } from '../core/numeric/rng'
import { hodgesLehmann } from './hodges-lehmann'
import { normalCdf } from './normal-distribution'
import { ascending, sortedQuantile } from './quantiles'
import { signedRankCut } from './signed-rank'

describe('the Hodges–Lehmann interval', () => {
  it.each(reference.signedRank)(
    'is what SciPy’s exact test does not reject, case %#',
    ({ differences, z, estimate, interval }) => {
      const location = hodgesLehmann(differences, z)
      expect(location.estimate).toBeCloseTo(estimate, 14)
      expect(location.interval).toEqual(interval.map((end) => expect.closeTo(end, 14)))
    },
  )

  it.each(reference.asymptotic.filter(({ isTied }) => !isTied))(
    'of more than 256 differences is what SciPy’s asymptotic test does not reject, case %#',
    ({ differences, z, interval }) => {
      expect(hodgesLehmann(differences, z).interval).toEqual(interval.map((end) => expect.closeTo(end, 14)))
    },
  )

  it.each(reference.asymptotic.filter(({ isTied }) => isTied))(
    'under ties holds all that SciPy’s test with its correction does not reject, case %#',
    ({ differences, z, interval: [low = NaN, high = NaN] }) => {
      const { interval } = hodgesLehmann(differences, z)
      expect(interval?.[0]).toBeLessThanOrEqual(low)
      expect(interval?.[1]).toBeGreaterThanOrEqual(high)
    },
  )

  it.each(reference.walsh)('has the median of all Walsh averages, case %#', ({ differences, z, median }) => {
    expect(hodgesLehmann(differences, z).estimate).toBeCloseTo(median, 14)
  })

  it('is at the order statistics of the sorted Walsh averages, to the last digit', () => {
    const numbers = fc.array(fc.oneof(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: -2, max: 2 })), {
      minLength: 6,
      maxLength: 40,
    })
    fc.assert(
      fc.property(numbers, fc.constantFrom(1, 1.96, 2.12), (differences, z) => {
        const sorted = ascending(
          differences.flatMap((first, i) => differences.slice(i).map((second) => (first + second) / 2)),
        )
        const cut = signedRankCut(differences.length, z)
        const { estimate, interval } = hodgesLehmann(differences, z)
        expect(estimate).toBeCloseTo(sortedQuantile(sorted, 0.5), 15)
        const ends = cut === null ? null : [sorted[cut], sorted[sorted.length - 1 - cut]]
        // −0 and 0 are one value to a sort.
        expect(interval?.map((end) => end + 0)).toEqual(ends?.map((end) => (end ?? NaN) + 0))
      }),
    )
  })

  it('of 4,000 differences, a third of them 0, takes no noticeable time', () => {
    const rng = seededRng(4)
    const differences = Array.from({ length: 4000 }, () => (rng.next() < 1 / 3 ? 0 : 0.05 * rng.normal() + 0.01))
    const started = performance.now()
    const { estimate, interval } = hodgesLehmann(differences, 1.96)
    expect(performance.now() - started).toBeLessThan(300)
    expect(interval?.[0]).toBeLessThan(estimate)
    expect(interval?.[1]).toBeGreaterThan(estimate)
    expect(estimate).toBeGreaterThan(0)
  })

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

  // Clocks are coarse, so differences repeat: two to a dozen different values.
  it.each([
    [10, 2.12, 0.5],
    [12, 2.12, 0.8],
    [12, 1.96, 1.5],
    [20, 1.96, 0.8],
    [31, 2.37, 3],
  ])('of %i differences at z = %f covers the centre of tied data as often as it promises', (size, z, spread) => {
    const rng = seededRng(3)
    const runs = 4000
    let covered = 0
    for (let run = 0; run < runs; run++) {
      const differences = Array.from({ length: size }, () => Math.round(spread * rng.normal()))
      const { interval } = hodgesLehmann(differences, z)
      if (interval && interval[0] <= 0 && interval[1] >= 0) covered++
    }
    expect(covered / runs).toBeGreaterThanOrEqual(1 - 2 * normalCdf(-z))
  })
})

describe('the signed-rank cut', () => {
  it('approaches that of the normal distribution', () => {
    const n = 256
    const [mean, sd] = [(n * (n + 1)) / 4, Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24)]
    for (const z of [1.96, 2.37, 2.97])
      expect(Math.abs((signedRankCut(n, z) ?? NaN) - (mean - z * sd)) / sd).toBeLessThan(0.02)
  })

  it('goes on smoothly where the exact one ends', () => {
    for (const z of [1.96, 2.12, 2.97]) {
      const cuts = [254, 255, 256, 257, 258].map((pairs) => signedRankCut(pairs, z) ?? NaN)
      const steps = cuts.slice(1).map((cut, index) => cut - (cuts[index] ?? NaN))
      for (const step of steps) expect(Math.abs(step - (steps[0] ?? NaN))).toBeLessThan(20)
    }
  })
})
