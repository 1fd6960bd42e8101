import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { seededRng, type Rng } from '../core/numeric/rng'
import { liveBand } from './confidence-sequence'

describe('the live band', () => {
  it.each(reference.confidenceSequence)('has the ends of its definition, case %#', ({ differences, interval }) => {
    const band = liveBand()
    differences.forEach((difference) => band.add(difference))
    expect(band.interval).toEqual(interval && interval.map((end) => expect.closeTo(end, 9)))
  })

  it('of nothing does not exist', () => {
    expect(liveBand().interval).toBeNull()
  })

  it('does not lose digits where all differences are alike and large', () => {
    const [near, far] = [liveBand(), liveBand()]
    const rng = seededRng(2)
    for (let block = 0; block < 3000; block++) {
      const difference = 0.02 * rng.normal()
      near.add(difference)
      far.add(difference + 1000)
    }
    expect(far.interval).toEqual(near.interval?.map((end) => expect.closeTo(end + 1000, 9)))
  })

  /** Differences of one run, symmetric around 0 each by itself. */
  const NOISE: Readonly<Record<string, (rng: Rng) => () => number>> = {
    normal: (rng) => () => 0.04 * rng.normal(),
    wide: (rng) => () => 0.3 * rng.normal(),
    narrow: (rng) => () => 0.002 * rng.normal(),
    'heavy-tailed': (rng) => () => (0.05 * rng.normal()) / Math.abs(rng.normal()),
    coin: (rng) => () => (rng.next() < 0.5 ? -0.05 : 0.05),
    'calm, then noisy': (rng) => {
      let block = 0
      return () => (block++ < 60 ? 0.01 : 0.15) * rng.normal()
    },
    'signs redrawn over autocorrelated sizes': (rng) => {
      let size = 0.05
      return () => {
        size = 0.9 * size + 0.1 * Math.abs(0.1 * rng.normal())
        return rng.next() < 0.5 ? size : -size
      }
    },
  }

  it.each(Object.entries(NOISE))('under %s noise ever excludes the truth in at most 5 % of 2,000 runs', (_, noise) => {
    const rng = seededRng(6)
    let misses = 0
    for (let run = 0; run < 2000; run++) {
      const draw = noise(rng)
      const band = liveBand()
      for (let block = 0; block < 256; block++) {
        band.add(draw())
        const { interval } = band
        if (interval && (interval[0] > 0 || interval[1] < 0)) {
          misses++
          break
        }
      }
    }
    expect(misses / 2000).toBeLessThanOrEqual(0.05)
  })

  it('is at most twice as wide as a normal interval after 83 blocks', () => {
    const rng = seededRng(8)
    const band = liveBand()
    for (let block = 0; block < 83; block++) band.add(0.06 * rng.normal())
    const [low = NaN, high = NaN] = band.interval ?? []
    expect(high - low).toBeLessThan((2 * 2 * 1.96 * 0.06) / Math.sqrt(83))
  })
})
