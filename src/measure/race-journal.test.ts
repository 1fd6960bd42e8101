// What a race writes down besides its verdict: events, void blocks, drift, the sentinel, retention, the live band.

import { describe, expect, it } from 'vitest'
import { noisy, syntheticRace } from '../../tests/fixtures/synthetic-race'
import { LabError } from '../core/errors/lab-error'
import { compareLatency } from './compare-latency'
import type { HostEvent } from './latency-comparison'

describe('throttling', () => {
  it('splits the report and leaves the ratio alone', async () => {
    const noise = noisy(9)
    const { request } = syntheticRace((_, __, time) => noise(time > 11_000 ? 14 : 10), { margin: 0.0001 })
    const { drift, pairs, variants, figuresFrom } = await compareLatency(request)
    expect(drift?.factor).toBeCloseTo(1.4, 1)
    expect(drift?.atBlock).toBeGreaterThan(5)
    expect(drift?.parts[0].medianMs[0]).toBeCloseTo(10, 0)
    expect(drift?.parts[1].medianMs[0]).toBeCloseTo(14, 0)
    expect(figuresFrom).toBe('before-drift')
    expect(variants[0]?.medianMs).toBe(drift?.parts[0].medianMs[0])
    expect(pairs[0]?.ratio).toBeCloseTo(1, 1)
  })

  it('is not reported for a steady device', async () => {
    const noise = noisy(10)
    expect((await compareLatency(syntheticRace(() => noise(10)).request)).drift).toBeNull()
  })
})

describe('a hidden page', () => {
  it('voids its block, which is counted and run again', async () => {
    const noise = noisy(11)
    let asked = 0
    // Asked before a block and after each of its four slots: this is the end of the third block.
    const takeEvents = (): readonly HostEvent[] => (++asked === 15 ? ['hidden'] : [])
    const { request } = syntheticRace(() => noise(10), { takeEvents })
    const { voidedBlocks, pairs, variants, events, trace } = await compareLatency(request)
    expect(voidedBlocks).toEqual({ hidden: 1, restarted: 0, deviceLost: 0 })
    expect(events).toMatchObject([{ kind: 'hidden', block: 2 }])
    expect(trace.filter(({ voided }) => voided === 'hidden')).toHaveLength(4)
    expect(trace.filter(({ voided }) => voided === null)).toHaveLength(4 * (pairs[0]?.blocks ?? NaN))
    expect(variants[0]?.slotValuesMs).toHaveLength(2 * (pairs[0]?.blocks ?? NaN))
  })

  it('in the last slot of a block voids that block, although it is heard at a turn of the message loop only', async () => {
    const noise = noisy(12)
    let turns = 0
    let isHeard = false
    const { request } = syntheticRace(() => noise(10), {
      warmUp: { minRuns: 60, minMs: 0 },
      // 122 turns of the warm-up, four slots a block: this is the end of the third.
      checkpoint: () => Promise.resolve(void (isHeard = ++turns === 122 + 12)),
      takeEvents: () => {
        const events: readonly HostEvent[] = isHeard ? ['hidden'] : []
        isHeard = false
        return events
      },
    })
    const { trace, events } = await compareLatency(request)
    expect(events).toMatchObject([{ kind: 'hidden', block: 2 }])
    const voided = trace.flatMap(({ voided }, index) => (voided === 'hidden' ? [index] : []))
    expect(voided).toEqual([8, 9, 10, 11])
  })

  it('during every block ends with an error that says so', async () => {
    const { request } = syntheticRace(() => 10, { takeEvents: () => ['hidden'] })
    await expect(compareLatency(request)).rejects.toMatchObject({ code: 'engine/failed', message: /page was hidden/ })
  })
})

describe('a lost device', () => {
  const lost = new LabError('device/lost', 'Gone.')
  const losing = (atRuns: readonly number[], recover: (error: unknown) => Promise<boolean>) => {
    let run = 0
    return syntheticRace(
      () => {
        if (atRuns.includes(run++)) throw lost
        return 10
      },
      { recover },
    )
  }

  it('voids what came before, is warmed up again, and the race goes on', async () => {
    const { request } = losing([700], () => Promise.resolve(true))
    const { voidedBlocks, events, pairs, trace } = await compareLatency(request)
    // 100 runs after the warm-up: four blocks of 24 and the one under way.
    expect(voidedBlocks).toEqual({ hidden: 0, restarted: 0, deviceLost: 5 })
    expect(events).toMatchObject([{ kind: 'device-lost', block: 4 }])
    expect(pairs[0]?.verdict).toBe('same')
    expect(trace.filter(({ voided }) => voided === null)).toHaveLength(4 * (pairs[0]?.blocks ?? NaN))
  })

  it('while warming up costs only the warm-up', async () => {
    const { voidedBlocks, pairs, variants } = await compareLatency(losing([400], () => Promise.resolve(true)).request)
    expect(voidedBlocks.deviceLost).toBe(0)
    expect(variants.map(({ warmUpMs }) => warmUpMs.length)).toEqual([300, 300])
    expect(pairs[0]?.verdict).toBe('same')
  })

  it('that cannot be replaced, or is lost again and again, ends the race with its own error', async () => {
    await expect(compareLatency(losing([700], () => Promise.resolve(false)).request)).rejects.toBe(lost)
    const often = [700, 1310, 1920, 2530, 3140]
    await expect(compareLatency(losing(often, () => Promise.resolve(true)).request)).rejects.toBe(lost)
  })
})

describe('the journal', () => {
  it('keeps every slot, stall and collection of garbage, and counts all of them', async () => {
    const noise = noisy(12)
    let slots = 0
    const takeEvents = (): readonly HostEvent[] => (++slots % 10 === 0 ? ['gc'] : [])
    // In sampling one run in a hundred is hit by something.
    const { request } = syntheticRace((_, run) => noise(10) * (run > 300 && run % 100 === 0 ? 5 : 1), {
      takeEvents,
      margin: 0.0001,
    })
    const { trace, events, variants, pairs } = await compareLatency(request)
    expect(trace).toHaveLength(4 * (pairs[0]?.blocks ?? NaN))
    expect(trace.every(({ samplesMs }) => samplesMs.length === 5)).toBe(true)
    const stalls = events.filter(({ kind }) => kind === 'stall')
    const expected = trace.flatMap(({ samplesMs }) => samplesMs.filter((ms) => ms > 30))
    expect(stalls.map(({ ms }) => ms)).toEqual(expected)
    expect(stalls.length).toBeGreaterThan(2)
    expect(events.filter(({ kind }) => kind === 'gc').length).toBe(Math.floor(slots / 10))
    expect(variants[0]?.runs).toBe(10 * (pairs[0]?.blocks ?? NaN))
    expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
  })

  it('gives p90 from 64 single runs on, p99 from 662', async () => {
    const few = await compareLatency(syntheticRace(() => 10, { budgetMs: 1300 }).request)
    expect(few.variants[0]?.runs).toBe(50)
    expect(few.variants[0]).not.toHaveProperty('p90Ms')
    const noise = noisy(13, 0.1)
    const many = await compareLatency(syntheticRace(() => noise(1), { margin: 0.0001 }).request)
    expect(many.variants[0]?.p90Ms).toBeGreaterThan(1.1)
    expect(many.variants[0]?.p99Ms).toBeGreaterThan(1.2)
  })
})

describe('the sentinel', () => {
  it('is read about every two seconds, between blocks, on the same clock', async () => {
    const noise = noisy(16)
    const { request } = syntheticRace(() => noise(10), { margin: 0.0001 })
    const { sentinel } = await compareLatency({ ...request, sentinel: request.contenders[0] })
    expect(sentinel.length).toBe(5)
    expect(sentinel.every(({ ms }) => ms > 9 && ms < 11)).toBe(true)
    for (const [index, { atMs }] of sentinel.entries()) expect(Math.abs(atMs - 2000 * index)).toBeLessThan(4 * 300)
  })
})

describe('a sustained run', () => {
  it('uses all of its time, keeps one value a slot, and says what speed was kept', async () => {
    const noise = noisy(14)
    // Both slow down by a quarter between the first and the last half minute.
    const { request, progress } = syntheticRace((_, __, time) => noise(10 * (1 + 0.25 * Math.min(time / 100_000, 1))), {
      mode: 'sustained',
      budgetMs: 150_000,
    })
    const { retention, pairs, plannedBlocks, samplingMs, trace, figuresFrom } = await compareLatency(request)
    expect(samplingMs).toBeGreaterThanOrEqual(150_000)
    expect(plannedBlocks).toBeNull()
    expect(trace.every(({ samplesMs }) => samplesMs.length === 1)).toBe(true)
    expect(retention?.variants).toHaveLength(2)
    for (const { retention: kept } of retention?.variants ?? []) expect(kept).toBeCloseTo(1.05 / 1.25, 1)
    expect(pairs[0]).toMatchObject({ verdict: 'same', looks: 1 })
    expect(figuresFrom).toBe('all')
    expect(progress.at(-1)).toMatchObject({ fraction: 1, leftMs: 0 })
  })

  it('of less than a minute has no two windows to compare', async () => {
    const { retention } = await compareLatency(syntheticRace(() => 10, { mode: 'sustained' }).request)
    expect(retention).toBeNull()
  })
})

it('the live band narrows around the true ratio', async () => {
  const noise = noisy(15)
  const { request, progress } = syntheticRace(() => noise(10), { margin: 0.0001 })
  await compareLatency(request)
  const bands = progress.flatMap((state) => state.bands.map(([low, high]) => [low, high] as const))
  expect(bands.length).toBeGreaterThan(10)
  for (const [low, high] of bands) expect(low < 1 && 1 < high).toBe(true)
  const width = ([low, high]: readonly [number, number] = [NaN, NaN]): number => high - low
  expect(width(bands.at(-1))).toBeLessThan(width(bands[0]))
})
