// The sentinel: a small fixed workload on the same engine, timed about every two seconds. It has nothing to do with the models, so
// when it becomes slower it is the device that does.

import type { Contender } from './contender'
import type { SentinelReading } from './drift'
import { planSlot, type SlotPlan } from './sampling-plan'
import { slotValueMs } from './slot'
import { typicalRunMs } from './warm-up'

const EVERY_MS = 2000
const WARM_UP = { minRuns: 30, minMs: 300 }

export interface Sentinel {
  readonly readings: readonly SentinelReading[]
  /** Takes a reading when the last one is two seconds old. `block`: blocks that count so far. */
  readWhenDue(atMs: number, block: number): Promise<void>
}

export async function startSentinel(contender: Contender | undefined, timerStepMs: number): Promise<Sentinel> {
  const readings: SentinelReading[] = []
  if (!contender) return { readings, readWhenDue: () => Promise.resolve() }
  const plan: SlotPlan = planSlot(typicalRunMs(await contender.warmUp(WARM_UP, () => undefined)), timerStepMs)
  let dueMs = -Infinity
  return {
    readings,
    async readWhenDue(atMs, block) {
      if (atMs < dueMs) return
      dueMs = atMs + EVERY_MS
      readings.push({ atMs, block, ms: slotValueMs(await contender.timeSlot(plan, 0), plan, timerStepMs) })
    },
  }
}
