// One line about a running comparison.

import type { LatencyProgress } from './latency-comparison'

/** No verdict while running: the band is valid at any moment, and only the first pair's fits on a line. */
export function progressText({ phase, blocks, leftMs, bands }: LatencyProgress): string {
  const left = `at most ${Math.ceil(leftMs / 1000)} s left`
  if (phase === 'warm-up') return `Warming up, ${left}`
  const [band] = bands
  const soFar = band ? `, ${band.map((ratio) => ratio.toFixed(2)).join('–')} so far` : ''
  return `Timing, ${blocks} blocks${soFar}, ${left}`
}
