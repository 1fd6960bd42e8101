// What a latency comparison asks for and what it reports; `compareLatency` makes the one from the other.
// The report is plain JSON: it goes into run records and over the worker boundary as it is.

import type { Rng } from '../core/numeric/rng'
import type { Contender, SlotTimes, WarmUpRule } from './contender'
import type { Drift, SentinelReading } from './drift'
import type { PairDecision } from './pair-test'

/**
 * `compare` stops at the planned look that decides. `sustained` runs for the whole time whatever it finds, to see what heat does: both
 * variants in turn, so they share the heat.
 */
export type LatencyMode = 'compare' | 'sustained'

export interface LatencyRequest {
  /** At least 2; contender 0 is the original. */
  readonly contenders: readonly Contender[]
  /** Default `compare`. */
  readonly mode?: LatencyMode
  /** The same small workload all the time, on the same engine (see `sentinel.ts`). */
  readonly sentinel?: Contender | undefined
  /** Monotonic clock, ms. */
  now(): number
  /** Smallest step of the contenders' clocks, ms (see `measureTimerStep`). */
  readonly timerStepMs: number
  /** Time for sampling after the warm-up, ms. */
  readonly budgetMs: number
  /** Half-width of “the same”, as a fraction of the ratio. Default 0.02. */
  readonly margin?: number
  /** Warm-up of each contender: it ends when both are reached. Default 60 runs and 3,000 ms; anything else is for tests and stands in the report. */
  readonly warmUp?: WarmUpRule
  readonly rng: Rng
  /** Called between slots, outside all timing: gives the message loop a turn, throws `job/cancelled` after a cancel. */
  checkpoint(): Promise<void>
  progress(state: LatencyProgress): void
  /** What the host saw since the last call. `hidden` voids the block. Called before a block and after every slot. */
  takeEvents?(): readonly HostEvent[]
  /** After a contender threw: true when it can go on in fresh sessions, as after a lost device. The block is void then. */
  recover?(error: unknown): Promise<boolean>
}

/** The page was hidden; garbage was collected. */
export type HostEvent = 'hidden' | 'gc'

export interface LatencyProgress {
  readonly phase: 'warm-up' | 'sampling'
  /** 0…1 of this phase. After a restart it falls back. */
  readonly fraction: number
  /** Blocks that count so far. */
  readonly blocks: number
  /** Warm-up runs so far, of all contenders; 0 while sampling. */
  readonly warmUpRuns: number
  /** Time since the start of this phase, ms. */
  readonly elapsedMs: number
  /** Estimate of what is left of this phase at most, ms; sampling may stop earlier. */
  readonly leftMs: number
  /** Live band of every pair's ratio, valid at any moment (`confidence-sequence.ts`); empty before the first block. No verdict. */
  readonly bands: readonly (readonly [number, number])[]
}

export interface LatencyComparison {
  readonly mode: LatencyMode
  readonly variants: readonly VariantLatency[]
  /** One entry per variant besides the original, in order. */
  readonly pairs: readonly PairComparison[]
  /** How often a late speed-up showed that what came before was warm-up; its samples are void. */
  readonly restarts: number
  /** Blocks that do not count, by reason. */
  readonly voidedBlocks: Readonly<Record<VoidReason, number>>
  /** Largest number of blocks that the budget had room for; null in sustained mode, which has no largest. */
  readonly plannedBlocks: number | null
  readonly timerStepMs: number
  readonly budgetMs: number
  readonly margin: number
  readonly warmUp: WarmUpRule
  readonly warmUpMs: number
  readonly samplingMs: number
  /** A device that became slower (throttling), with both parts; the pairing has cancelled it in the ratios. */
  readonly drift: DriftReport | null
  /** Which slots the figures of single variants are over: those before a drift, where there was one. */
  readonly figuresFrom: 'all' | 'before-drift'
  /** Sustained mode only, from one minute on. */
  readonly retention: Retention | null
  /** Every slot that was timed, also those that do not count, in order. */
  readonly trace: readonly TracedSlot[]
  readonly sentinel: readonly SentinelReading[]
  readonly events: readonly RunEvent[]
}

export type VoidReason = 'hidden' | 'restarted' | 'deviceLost'

export interface TracedSlot extends SlotTimes {
  readonly variant: number
  /** Start of the slot, ms since sampling began. */
  readonly atMs: number
  /** Index of its block among those that count; what it would have been for a void one. */
  readonly block: number
  readonly valueMs: number
  /** Why the slot does not count; null where it does. */
  readonly voided: VoidReason | null
}

/** Nothing is discarded for any of these but `hidden`, `late-speed-up` and `device-lost`, which void blocks. */
export interface RunEvent {
  /** `stall`: a run longer than three times its variant's median. `gc`: garbage was collected during the slot. */
  readonly kind: 'stall' | HostEvent | 'late-speed-up' | 'device-lost'
  readonly atMs: number
  readonly block: number
  /** Null where it concerns none in particular. */
  readonly variant: number | null
  /** Of the run, for stalls. */
  readonly ms?: number
}

export interface DriftReport extends Drift {
  readonly atMs: number
  /** Before and after; figures of the parts are descriptive, the verdict is over both. */
  readonly parts: readonly [DriftPart, DriftPart]
}

export interface DriftPart {
  readonly blocks: number
  /** Median slot value per variant, ms. */
  readonly medianMs: readonly number[]
  /** Median of the sentinel, ms; null without a reading. */
  readonly sentinelMs: number | null
  readonly pairs: readonly Pick<PairDecision, 'ratio' | 'ci95'>[]
}

/** Speed in the last 30 s ÷ speed in the first 30 s: 1 is kept in full, below 1 was lost to heat or to others. */
export interface Retention {
  readonly windowMs: number
  readonly variants: readonly { readonly firstMs: number; readonly lastMs: number; readonly retention: number }[]
  /** Of the sentinel; null without readings in both windows. */
  readonly sentinel: number | null
}

/** Descriptive figures of one variant, “this run” only: runs of one session are autocorrelated, so no interval stands here. */
export interface VariantLatency {
  readonly medianMs: number
  readonly q1Ms: number
  readonly q3Ms: number
  readonly minMs: number
  readonly maxMs: number
  /** Over single inferences; absent where several were timed at once, and below 64 (p90) and 662 (p99) of them. */
  readonly p90Ms?: number
  readonly p99Ms?: number
  /** Value of every slot that counts, in order, ms per inference. */
  readonly slotValuesMs: readonly number[]
  /** Inferences in slots that count, switch runs not included. */
  readonly runs: number
  /** Every warm-up run, ms, in order. */
  readonly warmUpMs: readonly number[]
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
