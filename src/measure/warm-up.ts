// Warm-up of every contender before sampling: long enough for a JIT compiler to reach its last tier (docs/measuring.md says why so
// long), and the first idea of how long one inference takes.

import { LabError } from '../core/errors/lab-error'
import type { LatencyRequest } from './latency-comparison'
import { warmUpShare, type WarmUpRule } from './contender'
import { median } from './quantiles'

export interface WarmUp {
  /** Every run of every contender, ms, in order. */
  readonly timesMs: readonly (readonly number[])[]
  /** Typical time of one inference per contender, ms, above 0. */
  readonly runMs: readonly number[]
  /** What preparing took per contender, ms: it is paid again whenever another one takes over. */
  readonly prepareMs: readonly number[]
  readonly elapsedMs: number
}

/** A device that is lost more often than this is not worth timing. */
export const MAX_RECOVERIES = 3

/** From the beginning again when the device is lost meanwhile. */
export async function warmUp(request: LatencyRequest, rule: WarmUpRule): Promise<WarmUp> {
  for (let lost = 0; ; lost++) {
    try {
      return await warmUpAll(request, rule)
    } catch (error) {
      if (lost >= MAX_RECOVERIES || !(await request.recover?.(error))) throw error
    }
  }
}

async function warmUpAll(request: LatencyRequest, rule: WarmUpRule): Promise<WarmUp> {
  const { contenders } = request
  const started = request.now()
  const timesMs: (readonly number[])[] = []
  const prepareMs: number[] = []
  for (const [index, contender] of contenders.entries()) {
    await request.checkpoint()
    const before = request.now()
    await contender.prepare?.()
    prepareMs.push(request.now() - before)
    const report = (runs: number, elapsedMs: number): void => {
      const left = Math.max(rule.minMs - elapsedMs, (rule.minRuns - runs) * (elapsedMs / runs), 0)
      request.progress({
        phase: 'warm-up',
        fraction: (index + warmUpShare(rule, runs, elapsedMs)) / contenders.length,
        blocks: 0,
        warmUpRuns: timesMs.reduce((sum, { length }) => sum + length, runs),
        elapsedMs: request.now() - started,
        leftMs: left + (contenders.length - index - 1) * (elapsedMs + left),
        bands: [],
      })
    }
    timesMs.push(await contender.warmUp(rule, report))
  }
  return { timesMs, runMs: timesMs.map(typicalRunMs), prepareMs, elapsedMs: request.now() - started }
}

/** From the second half of the warm-up; the mean where single runs are too short for the clock, because their median may be 0. */
export function typicalRunMs(times: readonly number[]): number {
  const late = times.slice(Math.floor(times.length / 2))
  const typical = median(late) || late.reduce((sum, time) => sum + time, 0) / late.length
  if (typical > 0) return typical
  const message = `The clock stood still during ${times.length} warm-up runs, so nothing can be timed with it.`
  throw new LabError('options/invalid', message, { path: 'now', runs: times.length })
}
