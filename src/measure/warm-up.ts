// Warm-up of every variant before sampling: long enough for a JIT compiler to reach its last tier (docs/measuring.md says why so
// long), and the first idea of how long one inference takes.

import { LabError } from '../core/errors/lab-error'
import type { LatencyRequest, WarmUpRule } from './latency-comparison'
import { median } from './quantiles'

export interface WarmUp {
  /** Inferences per variant. */
  readonly runs: readonly number[]
  /** Typical time of one inference per variant, ms, above 0. */
  readonly runMs: readonly number[]
  readonly elapsedMs: number
}

export async function warmUp(request: LatencyRequest, rule: WarmUpRule): Promise<WarmUp> {
  const started = request.now()
  const runs: number[] = []
  const runMs: number[] = []
  for (let variant = 0; variant < request.variantCount; variant++) {
    const times = await warmUpVariant(request, rule, variant, started)
    runs.push(times.length)
    runMs.push(typicalRunMs(times))
  }
  return { runs, runMs, elapsedMs: request.now() - started }
}

async function warmUpVariant(request: LatencyRequest, rule: WarmUpRule, variant: number, phaseStarted: number) {
  const times: number[] = []
  const started = request.now()
  for (let elapsed = 0; times.length < rule.minRuns || elapsed < rule.minMs;) {
    await request.checkpoint()
    const before = request.now()
    await request.run(variant, times.length % request.inputCount)
    const after = request.now()
    times.push(after - before)
    elapsed = after - started

    const share = Math.min(times.length / rule.minRuns, rule.minMs > 0 ? elapsed / rule.minMs : 1, 1)
    const left = Math.max(rule.minMs - elapsed, (rule.minRuns - times.length) * (elapsed / times.length), 0)
    request.progress({
      phase: 'warm-up',
      fraction: (variant + share) / request.variantCount,
      blocks: 0,
      elapsedMs: after - phaseStarted,
      leftMs: left + (request.variantCount - variant - 1) * (elapsed + left),
    })
  }
  return times
}

/** From the second half of the warm-up; the mean where single runs are too short for the clock, because their median may be 0. */
function typicalRunMs(times: readonly number[]): number {
  const late = times.slice(Math.floor(times.length / 2))
  const typical = median(late) || late.reduce((sum, time) => sum + time, 0) / late.length
  if (typical > 0) return typical
  const message = `The clock stood still during ${times.length} warm-up runs, so nothing can be timed with it.`
  throw new LabError('options/invalid', message, { path: 'now', runs: times.length })
}
