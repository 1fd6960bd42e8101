import { describe, expect, it } from 'vitest'
import type { DriftReport } from './latency-comparison'
import {
  countEvents,
  driftSentence,
  eventsSentence,
  retentionSentence,
  sessionsSentence,
  voidSentence,
} from './race-text'

const event = (kind: 'stall' | 'gc' | 'hidden') => ({ kind, atMs: 0, block: 0, variant: null })

const drift: DriftReport = {
  atBlock: 12,
  factor: 1.18,
  seenIn: ['blocks', 'sentinel'],
  atMs: 7040,
  parts: [
    { blocks: 12, medianMs: [10, 5], sentinelMs: 1, pairs: [{ ratio: 0.4812, ci95: [0.475, 0.4863] }] },
    { blocks: 5, medianMs: [12, 6], sentinelMs: 1.2, pairs: [{ ratio: 0.51, ci95: null }] },
  ],
}

describe('what happened in a race, in words', () => {
  it('tells a drift with its moment, who saw it, and the ratio of both parts', () => {
    expect(driftSentence(drift, 'before-drift')).toBe(
      'The device slowed down by 18 % after 7.04 s (seen by the models and the sentinel). ' +
        'Figures in milliseconds are from before. Ratio before 0.481 (0.475 to 0.486), after 0.510.',
    )
    expect(driftSentence({ ...drift, seenIn: ['sentinel'], atMs: Infinity }, 'all')).toMatch(
      /^The device slowed down by 18 % \(seen by the sentinel\)\. Ratio/,
    )
  })

  it('counts stalls and collections, and says that nothing was discarded', () => {
    expect(eventsSentence(countEvents([event('stall'), event('gc'), event('stall'), event('hidden')]))).toBe(
      '2 stalls, 1 garbage collection; nothing was discarded for them.',
    )
    expect(eventsSentence(countEvents([]))).toBe('No stalls and no garbage collections were seen.')
    expect(eventsSentence(countEvents([]), false)).toBe('No stalls were seen.')
  })

  it('gives the reason of every void block', () => {
    expect(voidSentence({ hidden: 1, restarted: 3, deviceLost: 0 })).toBe(
      'Not counted: 1 block because the page was hidden; 3 blocks because a late speed-up showed that warm-up was still going on. They stay in the record.',
    )
    expect(voidSentence({ hidden: 0, restarted: 0, deviceLost: 0 })).toBeNull()
  })

  it('says which share of the speed was kept', () => {
    const variants = [0.974, 0.96].map((retention) => ({ firstMs: 1, lastMs: 1, retention }))
    expect(retentionSentence({ windowMs: 30_000, variants, sentinel: 0.98 }, ['a', 'b'])).toBe(
      'Speed kept, last 30 s against the first 30 s: a 97 %, b 96 % (the sentinel 98 %).',
    )
  })

  it('tells sessions opened in turn with the sum that forbids two at once', () => {
    const inGb = (bytes: number): string => `${bytes / 1e9} GB`
    expect(sessionsSentence({ open: 'together', neededBytes: 1e9, capBytes: 2e9 }, inGb)).toBeNull()
    expect(sessionsSentence({ open: 'in-turn', neededBytes: 3.2e9, capBytes: 2e9 }, inGb)).toBe(
      'Sessions were opened in turn for every slot: together they need about 3.2 GB, and a page may use 2 GB here.',
    )
  })
})
