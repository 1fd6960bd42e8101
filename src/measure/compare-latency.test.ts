// `compareLatency` on a clock that only moves when a model runs: every time below is what the test says it is.

import { describe, expect, it } from 'vitest'
import { noisy, syntheticRace } from '../../tests/fixtures/synthetic-race'
import { LabError } from '../core/errors/lab-error'
import { compareLatency } from './compare-latency'
import { localContender } from './contender'
import { planSampling, planSlot } from './sampling-plan'

describe('a comparison of latencies', () => {
  it('warms every variant up for 60 runs and 3 s before it samples', async () => {
    for (const ms of [2, 10, 80]) {
      const { calls, request, progress } = syntheticRace(() => ms)
      const { variants, warmUpMs } = await compareLatency(request)
      const expected = Math.max(60, Math.ceil(3000 / ms))
      expect(variants.map(({ warmUpMs }) => warmUpMs.length)).toEqual([expected, expected])
      expect(warmUpMs).toBeCloseTo(2 * expected * ms, 6)
      expect(calls.slice(0, 2 * expected).map(({ variant }) => variant)).toEqual([
        ...Array.from({ length: expected }, () => 0),
        ...Array.from({ length: expected }, () => 1),
      ])
      expect(progress.filter(({ phase }) => phase === 'warm-up').at(-1)).toMatchObject({ fraction: 1, leftMs: 0 })
    }
  })

  it('samples in blocks A B B A or B A A B of a switch run and five runs, both orders about as often', async () => {
    const noise = noisy(1)
    const { calls, request } = syntheticRace(() => noise(10), { margin: 0.0001 })
    const { pairs, variants } = await compareLatency(request)
    const sampled = calls.slice(2 * 300).map(({ variant }) => variant)
    const blocks = sampled.length / 24
    expect(Number.isInteger(blocks)).toBe(true)
    expect(pairs[0]?.blocks).toBe(blocks)
    const orders = Array.from({ length: blocks }, (_, block) =>
      Array.from({ length: 4 }, (_, slot) => {
        const runs = sampled.slice(block * 24 + slot * 6, block * 24 + slot * 6 + 6)
        expect(new Set(runs).size).toBe(1)
        return runs[0]
      }).join(''),
    )
    const forward = orders.filter((order) => order === '0110').length
    expect(forward + orders.filter((order) => order === '1001').length).toBe(blocks)
    expect(Math.abs(forward / blocks - 0.5)).toBeLessThan(0.25)
    expect(variants[0]).toMatchObject({ runsPerSlot: 5, isBatched: false, runs: 10 * blocks })
  })

  it('shows both variants the same inputs in the same order', async () => {
    const { calls, request } = syntheticRace((variant) => (variant === 0 ? 10 : 7))
    await compareLatency(request)
    const inputsOf = (wanted: number, from: number): number[] =>
      calls.slice(from).flatMap(({ variant, input }) => (variant === wanted ? [input] : []))
    const sampling = 300 + Math.ceil(3000 / 7)
    expect(inputsOf(0, sampling)).toEqual(inputsOf(1, sampling))
    expect(new Set(inputsOf(0, sampling)).size).toBe(4)
  })

  it('of twenty runs against twenty-one finds the 5 % that are there by construction', async () => {
    const noise = noisy(2)
    const { request } = syntheticRace((variant) =>
      Array.from({ length: 20 + variant }, () => noise(0.5)).reduce((a, b) => a + b),
    )
    const [pair] = (await compareLatency(request)).pairs
    expect(pair).toMatchObject({ a: 0, b: 1, verdict: 'slower', stopped: 'clear' })
    expect(pair?.ci95?.[0]).toBeLessThan(1.05)
    expect(pair?.ci95?.[1]).toBeGreaterThan(1.05)
    expect(pair?.ratio).toBeCloseTo(1.05, 2)
  })

  it('of a model against itself says the same, and stops early for it', async () => {
    const noise = noisy(3)
    const { request } = syntheticRace(() => noise(10))
    const { pairs, plannedBlocks } = await compareLatency(request)
    expect(pairs[0]).toMatchObject({ verdict: 'same', stopped: 'same' })
    expect(pairs[0]?.blocks).toBeLessThan(plannedBlocks ?? 0)
  })

  it('decides each of several variants by itself and goes on until all are decided', async () => {
    const noise = noisy(4, 0.12)
    const { request } = syntheticRace((variant) => noise([10, 5, 10.4, 10][variant] ?? NaN), {
      variantCount: 4,
      budgetMs: 60_000,
    })
    const { pairs, variants } = await compareLatency(request)
    expect(pairs.map(({ verdict }) => verdict)).toEqual(['faster', 'slower', 'same'])
    const [faster] = pairs
    expect(faster?.blockDifferences).toHaveLength(faster?.blocks ?? NaN)
    const longest = Math.max(...pairs.map(({ blocks }) => blocks))
    expect(faster?.blocks).toBeLessThan(longest)
    for (const { slotValuesMs } of variants) expect(slotValuesMs).toHaveLength(2 * longest)
  })

  it('is the same, to the last digit, for the same seed', async () => {
    const run = (): Promise<unknown> => {
      const noise = noisy(5)
      return compareLatency(syntheticRace(() => noise(10)).request)
    }
    expect(await run()).toEqual(await run())
  })

  it('survives JSON', async () => {
    const noise = noisy(5)
    const report = await compareLatency(syntheticRace(() => noise(10)).request)
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('with room for fewer than ten blocks gives a ratio without an interval and stays undecided', async () => {
    const { request } = syntheticRace((variant) => (variant === 0 ? 10 : 5), { budgetMs: 1300 })
    const { pairs, plannedBlocks } = await compareLatency(request)
    expect(plannedBlocks).toBe(7)
    expect(pairs[0]).toMatchObject({ ci95: null, verdict: 'undecided', stopped: 'budget', blocks: 7 })
    expect(pairs[0]?.ratio).toBeCloseTo(0.5, 6)
  })

  it('ends with the budget when blocks take longer than the warm-up promised', async () => {
    const noise = noisy(6)
    const { request } = syntheticRace((_, run) => noise(run < 300 ? 10 : 15), { budgetMs: 10_000, margin: 0.0001 })
    const { pairs, samplingMs, plannedBlocks } = await compareLatency(request)
    expect(plannedBlocks).toBe(41)
    expect(pairs[0]?.blocks).toBeLessThan(32)
    expect(pairs[0]?.ci95).not.toBeNull()
    expect(samplingMs).toBeLessThan(10_000 + 24 * 17)
  })
})

describe('a late speed-up', () => {
  it('voids what came before, is counted, and the ratio is that of the settled code', async () => {
    const noise = noisy(7)
    // The original is compiled to its last tier only at its 340th run, 40 runs into sampling.
    const { request } = syntheticRace((variant, run) => noise(variant === 0 && run < 340 ? 40 : 10), {
      warmUp: { minRuns: 300, minMs: 0 },
      budgetMs: 60_000,
    })
    const { restarts, voidedBlocks, pairs, warmUp } = await compareLatency(request)
    expect(restarts).toBe(1)
    expect(voidedBlocks.restarted).toBeGreaterThan(0)
    expect(pairs[0]?.verdict).toBe('same')
    expect(pairs[0]?.ratio).toBeCloseTo(1, 1)
    expect(warmUp).toEqual({ minRuns: 300, minMs: 0 })
  })

  it('is not seen in noise, nor in a device that slows down', async () => {
    const noise = noisy(8)
    const { request } = syntheticRace((_, run) => noise(run < 500 ? 10 : 14))
    expect((await compareLatency(request)).restarts).toBe(0)
  })
})

describe('a cancel', () => {
  it('is heard between two slots and comes through as it was thrown', async () => {
    let checkpoints = 0
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    const { request, calls } = syntheticRace(() => 10, {
      checkpoint: () => (++checkpoints > 602 + 5 ? Promise.reject(cancelled) : Promise.resolve()),
    })
    await expect(compareLatency(request)).rejects.toBe(cancelled)
    expect(calls).toHaveLength(600 + 6 * 6)
  })
})

describe('the plan of a slot', () => {
  it('has five runs, one above 100 ms, and times short runs at once over 50 steps of the clock', () => {
    expect(planSlot(10, 0.005)).toEqual({ runs: 5, isBatched: false })
    expect(planSlot(100, 0.1)).toEqual({ runs: 5, isBatched: false })
    expect(planSlot(100.1, 0.1)).toEqual({ runs: 1, isBatched: false })
    expect(planSlot(2, 0.1)).toEqual({ runs: 5, isBatched: true })
    expect(planSlot(0.2, 0.1)).toEqual({ runs: 25, isBatched: true })
  })

  it('gives a coarse clock a value per inference that is right within a step of the batch', async () => {
    let exact = 0
    const { request } = syntheticRace(
      (variant) => {
        exact += variant === 0 ? 0.7 : 0.35
        return 0
      },
      { timerStepMs: 1, now: () => Math.floor(exact) },
    )
    const { variants, pairs } = await compareLatency(request)
    expect(variants[0]).toMatchObject({ isBatched: true })
    expect(variants[0]).not.toHaveProperty('p90Ms')
    expect(variants[0]?.medianMs).toBeCloseTo(0.7, 1)
    expect(pairs[0]).toMatchObject({ verdict: 'faster' })
    expect(pairs[0]?.ratio).toBeCloseTo(0.5, 1)
  })
})

describe('the looks', () => {
  it('are at the planned fractions, and none below ten blocks', () => {
    expect(planSampling(256_000, 1000)).toEqual({
      blocks: 256,
      finalZ: 2.12,
      looks: [41, 56, 79, 115, 172, 256].map((blocks, index) => ({
        blocks,
        z: [2.97, 2.96, 2.8, 2.6, 2.37, 2.12][index],
      })),
    })
    expect(planSampling(20_000, 1000).looks.map(({ blocks }) => blocks)).toEqual([13, 20])
    expect(planSampling(9000, 1000)).toEqual({ blocks: 9, looks: [], finalZ: 2.12 })
    expect(planSampling(1e9, 1000).blocks).toBe(256)
    expect(planSampling(1, 1000).blocks).toBe(1)
  })
})

it.each([
  ['contenders', { variantCount: 1 }],
  ['timerStepMs', { timerStepMs: Infinity }],
  ['budgetMs', { budgetMs: 0 }],
  ['margin', { margin: 0 }],
  ['warmUp.minRuns', { warmUp: { minRuns: 0, minMs: 0 } }],
])('a request with a wrong %s is refused by name', async (path, change) => {
  await expect(compareLatency(syntheticRace(() => 10, change).request)).rejects.toMatchObject({
    code: 'options/invalid',
    details: { path },
  })
})

it('a contender without inputs is refused by name', () => {
  const nothing = { run: () => Promise.resolve(), now: () => 0, checkpoint: () => Promise.resolve() }
  expect(() => localContender({ ...nothing, inputCount: 0 })).toThrow(/inputCount/)
})

it('a clock that stands still is refused', async () => {
  const { request } = syntheticRace(() => 10, { now: () => 5, warmUp: { minRuns: 3, minMs: 0 } })
  await expect(compareLatency(request)).rejects.toMatchObject({ code: 'options/invalid', message: /stood still/ })
})
