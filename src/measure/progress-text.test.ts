import { expect, test } from 'vitest'

import type { LatencyProgress } from './latency-comparison'
import { isWarmUpText, progressText } from './progress-text'

const STATE: LatencyProgress = {
  ...{ phase: 'sampling', fraction: 0.5, blocks: 14, warmUpRuns: 0, elapsedMs: 5000, leftMs: 4100 },
  bands: [[0.471, 0.529]],
}

test('warming up tells runs and time, sampling tells blocks, the live band and time', () => {
  const warm = progressText({ ...STATE, phase: 'warm-up', warmUpRuns: 143, bands: [] })
  expect(warm).toBe('Warming up, 143 runs, at most 5 s left')
  expect(progressText(STATE)).toBe('Timing, 14 blocks, 0.47–0.53 so far, at most 5 s left')
  expect([warm, progressText(STATE), `Race 1 of 9. ${warm}`].map(isWarmUpText)).toEqual([true, false, true])
})
