// One slot: a switch run that brings the caches and the clock over to this variant, then the runs that count.

import type { LatencyRequest } from './latency-comparison'
import { median } from './quantiles'
import type { SlotPlan } from './sampling-plan'

export interface Slot {
  /** Median time of one inference, ms; the mean of all where they were timed at once. */
  readonly valueMs: number
  readonly switchMs: number
  /** What was timed: single runs, or the mean of a batch as one value. */
  readonly samplesMs: readonly number[]
}

/** `firstInput`: the sequence of inputs starts there and wraps around. */
export async function timeSlot(
  request: LatencyRequest,
  variant: number,
  plan: SlotPlan,
  firstInput: number,
): Promise<Slot> {
  const input = (run: number): number => (firstInput + run) % request.inputCount
  const timeRuns = async (first: number, count: number): Promise<number> => {
    const before = request.now()
    for (let run = first; run < first + count; run++) await request.run(variant, input(run))
    return request.now() - before
  }
  await request.checkpoint()
  const switchMs = await timeRuns(0, 1)
  const samplesMs: number[] = []
  if (plan.isBatched) samplesMs.push((await timeRuns(1, plan.runs)) / plan.runs)
  else for (let run = 1; run <= plan.runs; run++) samplesMs.push(await timeRuns(run, 1))
  // A clock that did not move during a slot means “shorter than a step”; its logarithm must stay finite.
  const valueMs = Math.max(median(samplesMs), request.timerStepMs / plan.runs / 2)
  return { valueMs, switchMs, samplesMs }
}
