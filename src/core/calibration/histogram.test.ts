import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildModel, node } from '../../../tests/fixtures/build-model'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { layOut, placeBins, type Bins } from './bins'
import { histogramObserver } from './histogram'
import { observeValues } from './observe'
import type { Range } from './ranges'
import { numpyHistogram } from './reference'

const model = buildModel({
  inputs: { x: ['float32', ['n']] },
  outputs: { y: ['float32', ['n']] },
  nodes: [node('Identity', ['x'], ['y'])],
})

const rangeOfAll = (values: readonly number[]): Range => [Math.min(...values), Math.max(...values)]

/** Counts of the engine over all samples. */
async function countInGraph(samples: readonly (readonly number[])[], bins: Bins, reach: Range, ofMagnitudes = false) {
  const observer = histogramObserver('y', bins, reach, ofMagnitudes)
  const data = {
    source: 'test',
    size: samples.length,
    sample: (index: number) => Promise.resolve({ x: floats([samples[index]?.length ?? 0], samples[index] ?? []) }),
  }
  await observeValues(model, [observer], data, [...samples.keys()], testContext())
  return observer.counts
}

const binsFor = (values: readonly number[], count: number): Bins => {
  const placed = placeBins(undefined, rangeOfAll(values), count)
  if (!placed) throw new Error('no room for bins')
  return placed.bins
}

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 })
/** Values of one size with some that lie on edges of their bins, or one step of float32 beside. */
const valuesAndBins = fc
  .tuple(fc.array(finite, { minLength: 1, maxLength: 200 }), fc.integer({ min: 1, max: 300 }))
  .filter(
    ([values, count]) =>
      Math.max(...values.map(Math.abs)) === 0 || placeBins(undefined, rangeOfAll(values), count) !== undefined,
  )

const besideEdges = (edges: Float32Array): number[] => {
  const bits = new Int32Array(edges.slice().buffer)
  return [-1, 0, 1].flatMap((step) => [...new Float32Array(bits.map((pattern) => pattern + step).buffer)])
}

describe('histograms in the graph', () => {
  it('count like numpy, bin for bin, also on the edges and beside them', async () => {
    await fc.assert(
      fc.asyncProperty(valuesAndBins, async ([values, count]) => {
        const bins = binsFor(values, count)
        const high = bins.edges.at(-1) ?? NaN
        const all = [...values, ...besideEdges(bins.edges).filter((x) => Math.abs(x) <= high)]
        const [counts] = await countInGraph([all], bins, rangeOfAll(all))
        const expected = numpyHistogram(all, count, -bins.threshold, bins.threshold)
        expect([...bins.edges]).toEqual(expected.edges)
        expect([...counts]).toEqual(expected.counts)
      }),
      { numRuns: 40 },
    )
  })

  it('leave out what lies beyond the edges', async () => {
    const bins = binsFor([-1, 1], 10)
    const values = [-1.5, -1, -0.99, 0, 0.5, 1, 1.0000001, 7]
    const [counts] = await countInGraph([values], bins, rangeOfAll(values))
    expect([...counts]).toEqual(numpyHistogram(values, 10, -1, 1).counts)
    expect(counts.reduce((sum, count) => sum + count)).toBe(5)
  })

  it('count magnitudes', async () => {
    const values = [-3, -1, 1, 2, 2.5]
    const bins = layOut(1, 3, 4)
    if (!bins) throw new Error('no room for bins')
    const [counts] = await countInGraph([values], bins, rangeOfAll(values), true)
    expect([...counts]).toEqual([2, 0, 1, 2])
  })

  it('keep samples at even and odd positions apart, whatever their shapes', async () => {
    const [even, odd] = await countInGraph([[0.1, 0.9], [-0.5], [0.9, 0.9, 0.9]], binsFor([-1, 1], 4), [-1, 1])
    expect([...even]).toEqual([0, 0, 1, 4])
    expect([...odd]).toEqual([0, 1, 0, 0])
  })
})

describe('bins', () => {
  it('widen as in the reference: threshold 2, then 4, 128 bins (C19)', () => {
    const { bins, offset } = placeBins(binsFor([-2, 1], 128), [-4, 0], 128) ?? {}
    expect({ count: (bins?.edges.length ?? 0) - 1, threshold: bins?.threshold, offset }).toEqual({
      count: 258,
      threshold: 4.03125,
      offset: 65,
    })
  })

  it('begin anew after nothing but zeros', () => {
    const zeros = binsFor([0, 0], 4)
    expect([...zeros.edges]).toEqual([-0.5, -0.25, 0, 0.25, 0.5])
    expect(placeBins(zeros, [-2, 1], 4)).toMatchObject({ offset: 0, bins: { threshold: 2 } })
  })

  it('are refused where float32 has no room between them, and where they would be too many', () => {
    expect(layOut(1, 1 + 2 ** -20, 128)).toBeUndefined()
    expect(() => placeBins(binsFor([-1, 1], 128), [-1e6, 0], 128)).toThrowError(
      expect.objectContaining({ code: 'data/invalid' }),
    )
  })
})
