// The value of one slot: the median of its runs, as milliseconds of one inference.

import type { SlotTimes } from './contender'
import { median } from './quantiles'
import type { SlotPlan } from './sampling-plan'

/** A clock that did not move during a slot means “shorter than a step”; the logarithm of the value must stay finite. */
export const slotValueMs = ({ samplesMs }: SlotTimes, { runs }: SlotPlan, timerStepMs: number): number =>
  Math.max(median(samplesMs), timerStepMs / runs / 2)
