// Views of real reports: `compareLatency` on a clock that moves only when a model runs.

import { describe, expect, it } from 'vitest'
import { noisy, syntheticRace } from '../../../tests/fixtures/synthetic-race'
import { compareLatency } from '../../measure/compare-latency'
import { median } from '../../measure/quantiles'
import { blocksView, distributionView, traceRows, traceView } from './trace-view'

const noisyRace = (sd: number, change = {}) => {
  const noise = noisy(7, sd)
  return compareLatency(syntheticRace((variant) => noise(variant === 0 ? 10 : 9.6), change).request)
}

describe('the run over time', () => {
  it('has the warm-up before 0, one variant after the other, and the slots after it', async () => {
    const report = await noisyRace(0.1)
    const { variants, startS, endS } = traceView(report)
    const [original, variant] = variants
    expect(startS).toBeCloseTo(-report.warmUpMs / 1000, 6)
    expect(original?.warmUp[0]?.atS).toBe(startS)
    expect(original?.warmUp.at(-1)?.atS).toBeLessThan(variant?.warmUp[0]?.atS ?? NaN)
    expect(variant?.warmUp.at(-1)?.atS).toBeLessThan(0)
    for (const { slots } of variants) for (const { atS } of slots) expect(atS >= 0 && atS <= endS).toBe(true)
  })

  it('is thinned to 600 points per variant and keeps the longest run', async () => {
    const noise = noisy(3, 0.3)
    const report = await compareLatency(syntheticRace(() => noise(4), { budgetMs: 60_000, margin: 0.0001 }).request)
    expect(report.trace.length).toBeGreaterThan(500)
    const { variants, rangeMs } = traceView(report)
    for (const { warmUp, slots } of variants) expect(warmUp.length + slots.length).toBeLessThanOrEqual(600)
    const all = [...report.trace.map(({ valueMs }) => valueMs), ...report.variants.flatMap(({ warmUpMs }) => warmUpMs)]
    expect(rangeMs).toEqual([Math.min(...all), Math.max(...all)])
  })

  it('marks what happened and leaves void slots in', async () => {
    let calls = 0
    const disturbed = await noisyRace(0.05, { takeEvents: () => (calls++ === 2 ? ['hidden'] : []) })
    const { marks, variants } = traceView(disturbed)
    expect(marks.map(({ kind }) => kind)).toContain('hidden')
    expect(variants.flatMap(({ slots }) => slots).filter(({ isVoid }) => isVoid)).not.toHaveLength(0)
  })

  it('as a table has the medians of stretches that cover the whole of it', async () => {
    const report = await noisyRace(0.05)
    const rows = traceRows(report, 4)
    expect(rows.map(({ fromS }) => fromS)).toEqual([0, 1, 2, 3].map((row) => (row * report.samplingMs) / 4000))
    expect(median(rows.map(({ medianMs }) => medianMs[0] ?? NaN))).toBeCloseTo(10, 0)
    expect(rows.reduce((sum, { voidSlots }) => sum + voidSlots, 0)).toBe(0)
  })
})

describe('the distribution', () => {
  it('is over the single runs that count, and ends at 1', async () => {
    const report = await noisyRace(0.1)
    const { unit, variants } = distributionView(report)
    expect(unit).toBe('run')
    expect(variants.map(({ count }) => count)).toEqual(report.variants.map(({ runs }) => runs))
    for (const { points } of variants) expect(points.at(-1)?.fraction).toBe(1)
  })

  it('is over slots where the runs of a slot were timed at once', async () => {
    const noise = noisy(2, 0.05)
    const report = await compareLatency(syntheticRace(() => noise(0.1), { timerStepMs: 0.1 }).request)
    const { unit, variants } = distributionView(report)
    expect(unit).toBe('slot')
    expect(variants[0]?.count).toBe(report.variants[0]?.slotValuesMs.length)
  })

  it('leaves out what came after a drift, like the medians', async () => {
    const noise = noisy(5, 0.02)
    const report = await compareLatency(
      syntheticRace((_, __, time) => noise(time < 12_000 ? 10 : 13), { margin: 0.0001 }).request,
    )
    expect(report.figuresFrom).toBe('before-drift')
    expect(distributionView(report).variants[0]?.points.at(-1)?.value).toBeLessThan(12)
  })
})

describe('the blocks', () => {
  it('are the ratios in order, and the looks end with the one that decided', async () => {
    const report = await noisyRace(0.12)
    const [pair] = report.pairs
    const view = blocksView(report)
    expect(view?.ratios.map(({ ratio }) => Math.log(ratio)).at(3)).toBeCloseTo(pair?.blockDifferences[3] ?? NaN, 12)
    expect(view?.looks).toHaveLength(pair?.looks ?? NaN)
    expect(view?.looks.at(-1)).toEqual({ blocks: pair?.blocks, ratio: pair?.ratio, ci95: pair?.ci95 })
    expect(view?.plannedLooks).toBeLessThanOrEqual(6)
  })

  it('below ten have one look and no interval', async () => {
    const view = blocksView(await noisyRace(0.05, { budgetMs: 1300 }))
    expect(view?.looks).toMatchObject([{ ci95: null }])
  })
})
