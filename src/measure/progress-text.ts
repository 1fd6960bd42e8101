// One line about a running comparison. It crosses to the page as text, so what the page must know of it is asked here.

import type { LatencyProgress } from './latency-comparison'

const WARMING_UP = 'Warming up'

/** No verdict while running: the band is valid at any moment, and only the first pair's fits on a line. */
export function progressText({ phase, blocks, warmUpRuns, leftMs, bands }: LatencyProgress): string {
  const left = `at most ${Math.ceil(leftMs / 1000)} s left`
  if (phase === 'warm-up') return `${WARMING_UP}, ${warmUpRuns} runs, ${left}`
  const [band] = bands
  const soFar = band ? `, ${band.map((ratio) => ratio.toFixed(2)).join('–')} so far` : ''
  return `Timing, ${blocks} blocks${soFar}, ${left}`
}

/** Whether a text of `progressText` is about the warm-up. */
export const isWarmUpText = (text: string): boolean => text.includes(WARMING_UP)
