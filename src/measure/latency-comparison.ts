// What a latency comparison asks for and what it reports; `compareLatency` makes the one from the other.
// The report is plain JSON: it goes into run records and over the worker boundary as it is.

import type { Rng } from '../core/numeric/rng'
import type { Drift } from './drift'
import type { PairDecision } from './pair-test'

export interface LatencyRequest {
  /** Number of variants, at least 2; variant 0 is the original. */
  readonly variantCount: number
  /** Number of prepared inputs; they rotate, in the same sequence for all variants. */
  readonly inputCount: number
  /** One inference; resolves when the outputs are readable on the CPU. */
  run(variant: number, input: number): Promise<void>
  /** Monotonic clock, ms. */
  now(): number
  /** Smallest step of that clock, ms (see `measureTimerStep`). */
  readonly timerStepMs: number
  /** Time for sampling after the warm-up, ms. */
  readonly budgetMs: number
  /** Half-width of “the same”, as a fraction of the ratio. Default 0.02. */
  readonly margin?: number
  /** Warm-up of each session: it ends when both are reached. Default 60 runs and 3,000 ms; anything else is for tests and stands in the report. */
  readonly warmUp?: WarmUpRule
  readonly rng: Rng
  /** Called between slots, outside all timing: gives the message loop a turn, throws `job/cancelled` after a cancel. */
  checkpoint(): Promise<void>
  progress(state: LatencyProgress): void
  /** True when the page was hidden since the last call: the block is void then. */
  wasDisturbed?(): boolean
}

export interface WarmUpRule {
  readonly minRuns: number
  readonly minMs: number
}

export interface LatencyProgress {
  readonly phase: 'warm-up' | 'sampling'
  /** 0…1 of this phase. After a restart it falls back. */
  readonly fraction: number
  /** Blocks that count so far. */
  readonly blocks: number
  /** Time since the start of this phase, ms. */
  readonly elapsedMs: number
  /** Estimate of what is left of this phase at most, ms; sampling may stop earlier. */
  readonly leftMs: number
}

export interface LatencyComparison {
  readonly variants: readonly VariantLatency[]
  /** One entry per variant besides the original, in order. */
  readonly pairs: readonly PairComparison[]
  /** How often a late speed-up showed that what came before was warm-up; its samples are void. */
  readonly restarts: number
  /** Blocks that do not count: the page was hidden, or a restart followed. */
  readonly voidedBlocks: { readonly disturbed: number; readonly restarted: number }
  /** Largest number of blocks that the budget had room for. */
  readonly plannedBlocks: number
  readonly timerStepMs: number
  readonly budgetMs: number
  readonly margin: number
  readonly warmUp: WarmUpRule
  readonly warmUpMs: number
  readonly samplingMs: number
  /** An upward step of all variants together (throttling), if there was one. */
  readonly drift: Drift | null
}

/** Descriptive figures of one variant, “this run” only: runs of one session are autocorrelated, so no interval stands here. */
export interface VariantLatency {
  readonly medianMs: number
  readonly q1Ms: number
  readonly q3Ms: number
  readonly minMs: number
  readonly maxMs: number
  /** Over single inferences; absent where several were timed at once. */
  readonly p90Ms?: number
  /** Value of every slot that counts, in order, ms per inference; the quantiles above are over these. */
  readonly slotValuesMs: readonly number[]
  /** Inferences in slots that count, switch runs not included. */
  readonly runs: number
  readonly warmUpRuns: number
  /** Median of the switch runs, the first of each slot, which is not used otherwise. */
  readonly switchMedianMs: number
  /** Inferences of a slot after the switch run. */
  readonly runsPerSlot: number
  /** True where the inferences of a slot are timed at once, because one is too short for the clock. */
  readonly isBatched: boolean
}

export interface PairComparison extends PairDecision {
  readonly a: 0
  readonly b: number
}
