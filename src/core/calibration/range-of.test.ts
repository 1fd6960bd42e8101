import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRng } from '../numeric/rng'
import { divergence, entropyCandidates, entropyRange, smooth } from './entropy'
import type { Histogram } from './histogram'
import { mseRange } from './mse'
import { percentileRange } from './percentile'
import { clippingError, numpyHistogram } from './reference'

function histogramOf(values: readonly number[], bins: number): Histogram {
  const min = values.reduce((least, x) => Math.min(least, x))
  const max = values.reduce((most, x) => Math.max(most, x))
  const reach = Math.max(-min, max)
  const { counts, edges } = numpyHistogram(values, bins, -reach, reach)
  return {
    counts: Float64Array.from(counts),
    edges: Float32Array.from(edges),
    range: [min, max],
  }
}

const normals = (count: number, seed = 7): number[] => {
  const rng = seededRng(seed)
  return Array.from({ length: count }, () => Math.fround(rng.normal()))
}
const range = (max: number) => Array.from({ length: 8 }, (_, i) => (max * (i + 1)) / 8)

describe('entropy (C20)', () => {
  it('smooths and compares as in the specification', () => {
    const p = smooth(Float64Array.of(1, 0, 2, 3, 5, 3, 1, 7))
    const q = smooth(Float64Array.of(0, 0, 1, 1, 4, 4, 0, 8))
    const expected = [0.9999857, 0.0001, 1.9999857, 2.9999857, 4.9999857, 2.9999857, 0.9999857, 6.9999857]
    expected.forEach((value, index) => expect(p?.[index]).toBeCloseTo(value, 6))
    if (!p || !q) throw new Error('nothing is left')
    expect(divergence(p, q)).toBeCloseTo(0.8184588, 6)
    expect(smooth(new Float64Array(4))).toBeUndefined()
  })

  it('has the near tie of the specification: the reference takes another candidate within 1e-6 of the least', () => {
    const g = Array.from({ length: 4000 }, (_, i) => {
      const u = [7919, 104729, 1299709, 15485863].reduce((sum, p) => sum + ((i * p) % 4001) / 4001, 0)
      return Math.fround((u - 2) * (i % 400 === 0 ? 6 : 1))
    })
    const histogram = histogramOf(g, 512)
    expect(entropyRange(histogram, 128)).toEqual([-8.953125, 9])
    const candidates = entropyCandidates(histogram, 128)
    const theirs = candidates.find(({ range: [min, max] }) => min === -8.765625 && max === 8.8125)
    const least = Math.min(...candidates.map(({ divergence: nats }) => nats))
    expect((theirs?.divergence ?? NaN) - least).toBeLessThan(1e-6)
  })
})

describe('percentile', () => {
  it('keeps at least its share of the values, but for the bin it ends in', () => {
    const histogram = histogramOf(normals(2000), 512)
    fc.assert(
      fc.property(fc.double({ min: 50, max: 100, noNaN: true }), (percent) => {
        const [min, max] = percentileRange(histogram, percent)
        const width = (histogram.edges[1] ?? NaN) - (histogram.edges[0] ?? NaN)
        const kept = histogram.counts.reduce((sum, count, bin) => {
          const edge = histogram.edges[bin] ?? NaN
          return sum + (edge >= min - width && edge <= max ? count : 0)
        }, 0)
        expect(kept / 2000).toBeGreaterThanOrEqual(percent / 100 - 1e-9)
      }),
    )
  })
})

describe('MSE', () => {
  it('clips a Gaussian where ACIQ does (Banner et al. 2019): 1.71, 2.15, 2.55 and 2.93 σ for 2 to 5 bits', () => {
    const histogram = histogramOf(normals(100_000), 2048)
    for (const [bits, clip] of [
      [2, 1.71],
      [3, 2.15],
      [4, 2.55],
      [5, 2.93],
    ] as const) {
      const [min, max] = mseRange(histogram, { levels: 2 ** bits + 1, isSymmetric: true })
      expect(max, `${bits} bits`).toBeCloseTo(clip, 1)
      expect(min).toBe(-max)
    }
  })

  it('finds a bound at each end whose error no pair on a grid beats by more than 2 %', () => {
    const skewed = normals(4000).map((x) => Math.fround(x > 0 ? x ** 3 : x))
    const rectified = normals(4000, 8).map((x) => Math.max(Math.fround(x * x * x), 0))
    for (const values of [normals(4000, 9), skewed, rectified]) {
      const histogram = histogramOf(values, 1024)
      for (const levels of [16, 256]) {
        const [min, max] = mseRange(histogram, { levels, isSymmetric: false })
        const found = clippingError(values, min, max, levels)
        const [low, high] = histogram.range
        const grid = range(low).flatMap((a) => range(high).map((b) => clippingError(values, Math.min(a, 0), b, levels)))
        expect(found).toBeLessThanOrEqual(1.02 * Math.min(...grid))
      }
    }
  })

  it('grows with the data', () => {
    const values = normals(500)
    const [min, max] = mseRange(histogramOf(values, 256), { levels: 16, isSymmetric: false })
    const larger = mseRange(
      histogramOf(
        values.map((x) => x * 4),
        256,
      ),
      { levels: 16, isSymmetric: false },
    )
    expect(larger).toEqual([4 * min, 4 * max])
  })
})
