import { expect, test } from 'vitest'

import type { DriftReport } from '../../measure/latency-comparison'
import { driftSentence, eventsSentence, sessionsSentence, voidSentence } from './latency-words'

const DRIFT: DriftReport = {
  atBlock: 20,
  factor: 1.18,
  seenIn: ['blocks', 'sentinel'],
  atMs: 7040,
  parts: [
    { blocks: 20, medianMs: [10, 5], sentinelMs: 1, pairs: [{ ratio: 0.48, ci95: [0.47, 0.49] }] },
    { blocks: 8, medianMs: [12, 6], sentinelMs: 1.2, pairs: [{ ratio: 0.51, ci95: null }] },
  ],
}

test('a drift is told with its size, its moment, who saw it, and the ratio on both sides', () => {
  expect(driftSentence(DRIFT, 'before-drift')).toBe(
    'The device slowed down by 18 % after 7.04 s (seen by the models and the sentinel). Figures in milliseconds are from before. ' +
      'Ratio before 0.480 (0.470 to 0.490), after 0.510.',
  )
  expect(driftSentence(DRIFT, 'all')).not.toContain('milliseconds')
})

test('events are counted in words, one and many', () => {
  const at = { atMs: 1, block: 0, variant: 0 }
  expect(eventsSentence([])).toBe('No stalls and no garbage collections were seen.')
  expect(
    eventsSentence([
      { kind: 'stall', ...at },
      { kind: 'gc', ...at },
      { kind: 'stall', ...at },
      { kind: 'hidden', ...at },
    ]),
  ).toBe('2 stalls, 1 garbage collection; nothing was discarded for them.')
})

test('blocks that do not count are told with their reasons, and only then', () => {
  expect(voidSentence({ hidden: 0, restarted: 0, deviceLost: 0 })).toBeNull()
  expect(voidSentence({ hidden: 1, restarted: 12, deviceLost: 0 })).toBe(
    'Not counted: 1 block because the page was hidden; 12 blocks because a late speed-up showed that warm-up was still going on. ' +
      'They stay in the record.',
  )
})

test('sessions opened in turn are told with the sum that forbids two at once', () => {
  expect(sessionsSentence({ open: 'together', neededBytes: 1e9, capBytes: 2e9 })).toBeNull()
  expect(sessionsSentence({ open: 'in-turn', neededBytes: 3.2e9, capBytes: 2e9 })).toBe(
    'Sessions were opened in turn for every slot: together they need about 3.20 GB, and a page may use 2.00 GB here.',
  )
})
