import { describe, expect, it, test } from 'vitest'

import type { EngineRaceEntry } from './engine-race'
import { byRank, engineSpeeds, threadSweep } from './engine-race'
import type { LatencyComparison, PairComparison } from './latency-comparison'
import { judgeRatio } from './pair-test'

type Pair = readonly [ratio: number, low: number, high: number] | readonly [ratio: number]

/** Of contenders whose ratios to the first are as told; only what ranks rest on is there. */
function comparison(...pairs: readonly Pair[]): LatencyComparison {
  const margin = 0.02
  return {
    margin,
    variants: [1, ...pairs.map(([ratio]) => ratio)].map((medianMs) => ({ medianMs })),
    pairs: pairs.map(([ratio, low, high], index): Partial<PairComparison> => {
      const ci95 = low === undefined || high === undefined ? null : ([low, high] as const)
      return { b: index + 1, ratio, ci95, verdict: ci95 ? judgeRatio(ratio, ci95, margin) : 'undecided' }
    }),
  } as unknown as LatencyComparison
}
const ranks = (...pairs: readonly Pair[]): readonly number[] =>
  engineSpeeds(comparison(...pairs)).map(({ rank }) => rank)

describe('ranks', () => {
  it('follow the verdicts against the first contender', () => {
    expect(ranks([0.5, 0.48, 0.52], [2, 1.9, 2.1])).toEqual([2, 1, 3])
    expect(ranks([1.002, 0.99, 1.014])).toEqual([1, 1])
  })

  it('are shared where the difference to the first is not decided', () => {
    expect(ranks([1.03, 0.98, 1.08], [1.5, 1.4, 1.6])).toEqual([1, 1, 3])
  })

  it('are shared where intervals overlap, or lie apart by less than a claim needs', () => {
    expect(ranks([0.5, 0.46, 0.54], [0.55, 0.51, 0.59])).toEqual([3, 1, 1])
    expect(ranks([0.5, 0.495, 0.504], [0.513, 0.508, 0.518])).toEqual([3, 1, 1])
    expect(ranks([0.5, 0.495, 0.504], [0.52, 0.512, 0.528])).toEqual([3, 1, 2])
  })

  it('count those that are certainly faster, also where “not decided” is not passed on', () => {
    // The second differs from the third, neither from the wide one between them.
    expect(ranks([0.5, 0.49, 0.51], [0.55, 0.47, 0.65], [0.6, 0.59, 0.61])).toEqual([4, 1, 1, 2])
  })

  it('without an interval stay with the first', () => {
    expect(ranks([0.3], [2])).toEqual([1, 1, 1])
  })
})

it('the first contender has exactly 1', () => {
  expect(engineSpeeds(comparison([0.5, 0.48, 0.52]))).toMatchObject([
    { contender: 0, ratio: 1, ci95: [1, 1], verdict: 'same', medianMs: 1 },
    { contender: 1, ratio: 0.5, ci95: [0.48, 0.52], verdict: 'faster', medianMs: 0.5 },
  ])
})

it('the table begins with the fastest and ends with those that were not timed, as they were asked for', () => {
  const [first, second, third] = engineSpeeds(comparison([0.5, 0.48, 0.52], [0.49, 0.4, 0.6]))
  const speeds = { wrong: null, first, gone: null, second, third }
  const entries = Object.entries(speeds).map(([name, speed]) => ({ name, speed: speed ?? null }) as EngineRaceEntry)
  expect(entries.toSorted(byRank).map(({ name }) => name)).toEqual(['third', 'second', 'first', 'wrong', 'gone'])
})

test('a sweep has one to eight threads, as many as there are cores', () => {
  expect(threadSweep(2).map(({ name }) => name)).toEqual(['ort-wasm:1', 'ort-wasm:2'])
  expect(threadSweep(1)).toHaveLength(1)
  expect(threadSweep(0)).toHaveLength(1)
  expect(threadSweep(64)).toHaveLength(8)
})
