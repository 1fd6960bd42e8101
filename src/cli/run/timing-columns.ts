// The columns that every table of timings has in the terminal: engine, check, cold start, median.

import type { EngineCheck } from '../../measure/engine-check'
import { formatMs } from '../format-number'
import type { Column } from '../table'
import type { BenchVariant } from './bench-result'

export const RIGHT = { align: 'right' } as const

export const TIMING_COLUMNS: readonly Column[] = [
  { head: 'engine' },
  { head: 'check' },
  { head: 'load', ...RIGHT },
  { head: 'session', ...RIGHT },
  { head: 'first run', ...RIGHT },
  { head: 'median', ...RIGHT },
]

/** Of a variant raced against the original: size, its ratio, median, the verdict with its interval. */
export const RACE_COLUMNS: readonly Column[] = [
  { head: 'size', ...RIGHT },
  { head: 'ratio', ...RIGHT },
  { head: 'median', ...RIGHT },
  { head: 'latency ratio', ...RIGHT },
  { head: '95 % CI', ...RIGHT },
  { head: 'verdict' },
]

/** `kernelCheck`: null where it was not reached. */
type Timed = Pick<BenchVariant, 'engine' | 'loadMs' | 'sessionMs' | 'firstRunMs' | 'medianMs'> & {
  readonly kernelCheck: EngineCheck | null
}

export function timingCells({
  engine,
  kernelCheck,
  loadMs,
  sessionMs,
  firstRunMs,
  medianMs,
}: Timed): readonly string[] {
  const check = kernelCheck ? (kernelCheck.ok ? 'right' : 'wrong') : '–'
  return [engine, check, ...[loadMs, sessionMs, firstRunMs, medianMs].map(orDash)]
}

export const orDash = (ms: number | null): string => (ms === null ? '–' : formatMs(ms))
