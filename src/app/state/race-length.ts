// How long to race after the warm-up. A verdict needs at least ten blocks of interleaved runs, so slow models need more time; sustained
// races run for their whole time, to see what heat does.

import type { LatencyMode } from '../../measure/latency-comparison'

export const RACE_SECONDS = [5, 15, 60, 300, 1800] as const
export type RaceSeconds = (typeof RACE_SECONDS)[number]

/** From here on nothing stops a race early. */
const SUSTAINED_FROM = 300

export const raceMode = (seconds: RaceSeconds): LatencyMode => (seconds < SUSTAINED_FROM ? 'compare' : 'sustained')

/** `15 s`, `5 min sustained`. */
export const raceLabel = (seconds: RaceSeconds): string =>
  raceMode(seconds) === 'compare' ? `${seconds} s` : `${seconds / 60} min sustained`

/** Multiply-accumulates of one run above which the next longer race is the default: about 10 and 30 ms on one WASM thread of 2026. */
const LONGER_FROM = [50e6, 200e6] as const

/** `macs`: of one run, null where unknown; then the middle one. */
export function secondsFor(macs: number | null): RaceSeconds {
  if (macs === null) return RACE_SECONDS[1]
  if (macs < LONGER_FROM[0]) return RACE_SECONDS[0]
  return macs < LONGER_FROM[1] ? RACE_SECONDS[1] : RACE_SECONDS[2]
}

/** The next longer race; undefined after the longest that stops when the answer is clear. */
export const longerThan = (seconds: RaceSeconds): RaceSeconds | undefined =>
  RACE_SECONDS.find((each) => each > seconds && raceMode(each) === 'compare')
