// How a comparison of latencies is sampled: inferences per slot, order of the slots in a block, number of blocks, and the moments
// at which the result may be looked at. Decisions only, no clock: `compareLatency` and the simulation of its error rates share it.

import type { Rng } from '../core/numeric/rng'
import { SINGLE_LOOK_Z } from './accuracy-comparison'

/** Below this many blocks there is no interval. */
export const MIN_BLOCKS = 10
const MAX_BLOCKS = 256
const MIN_RUNS_PER_SLOT = 5
/** What is timed at once must take this many steps of the clock. */
const MIN_STEPS = 50
/** Above this, one inference makes a slot. */
const LONG_RUN_MS = 100

const FINAL_LOOK = { fraction: 1, z: 2.12 }
/** Lan–DeMets boundaries for looks at these fractions, spending 0.05 · t^1.5 (`spendingBoundaries` makes the same figures). */
export const LOOKS = [
  { fraction: 0.16, z: 2.97 },
  { fraction: 0.22, z: 2.96 },
  { fraction: 0.31, z: 2.8 },
  { fraction: 0.45, z: 2.6 },
  { fraction: 0.67, z: 2.37 },
  FINAL_LOOK,
]

interface Look {
  /** The look falls after this many blocks. */
  readonly blocks: number
  /** Two-sided critical value of this look. */
  readonly z: number
}

export interface SamplingPlan {
  /** Infinity where only the time ends the run. */
  readonly blocks: number
  /** In order; the last one is at `blocks`. Empty below `MIN_BLOCKS`. */
  readonly looks: readonly Look[]
  /** Two-sided critical value when the time is up before the last look. */
  readonly finalZ: number
}

/** Runs for its whole time and is looked at once. */
export const SUSTAINED_PLAN: SamplingPlan = { blocks: Infinity, looks: [], finalZ: SINGLE_LOOK_Z }

/** Both times in ms. The plan has at least one block, whatever the budget. */
export function planSampling(budgetMs: number, blockMs: number): SamplingPlan {
  const blocks = Math.max(1, Math.min(MAX_BLOCKS, Math.floor(budgetMs / blockMs)))
  const looks = LOOKS.map(({ fraction, z }) => ({ blocks: Math.round(fraction * blocks), z }))
  return { blocks, looks: looks.filter((look) => look.blocks >= MIN_BLOCKS), finalZ: FINAL_LOOK.z }
}

export interface SlotPlan {
  /** Inferences after the switch run. */
  readonly runs: number
  /** True when these are timed at once. */
  readonly isBatched: boolean
}

/** `runMs`: typical time of one inference, above 0. A slot lasts `minSlotMs` at least. */
export function planSlot(runMs: number, timerStepMs: number, minSlotMs = 0): SlotPlan {
  const fewest = runMs > LONG_RUN_MS ? 1 : MIN_RUNS_PER_SLOT
  const steps = MIN_STEPS * timerStepMs
  const isBatched = runMs < steps && runMs <= LONG_RUN_MS
  const needed = Math.ceil(Math.max(isBatched ? steps : 0, minSlotMs) / runMs)
  return { runs: Math.max(fewest, needed), isBatched }
}

/** Variants in the order of a block's slots: a random permutation and its reverse (A B B A or B A A B for two). */
export function blockOrder(variantCount: number, rng: Rng): readonly number[] {
  const order = rng.shuffle(Array.from({ length: variantCount }, (_, variant) => variant))
  return [...order, ...order.toReversed()]
}
