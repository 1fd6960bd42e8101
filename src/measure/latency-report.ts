// From the journal of a race to its report: figures of single variants, stalls, the parts before and after a drift, retention.
// Decisions are made before, in `compareLatency`; nothing here changes a verdict.

import type { WarmUpRule } from './contender'
import { findDrift, type Drift, type SentinelReading } from './drift'
import { hodgesLehmann } from './hodges-lehmann'
import type { Journal } from './journal'
import type {
  DriftPart,
  DriftReport,
  LatencyComparison,
  LatencyMode,
  Retention,
  RunEvent,
  TracedSlot,
  VariantLatency,
} from './latency-comparison'
import type { PairDecision } from './pair-test'
import { ascending, median, sortedQuantile } from './quantiles'
import { MIN_BLOCKS, SUSTAINED_PLAN, type SamplingPlan, type SlotPlan } from './sampling-plan'
import type { WarmUp } from './warm-up'

const STALL = 3
/** Fewest runs for these quantiles to say anything (MLPerf's early-stopping bounds). */
const MIN_RUNS_P90 = 64
const MIN_RUNS_P99 = 662
const RETENTION_WINDOW_MS = 30_000

export interface RaceFacts {
  readonly mode: LatencyMode
  readonly margin: number
  readonly rule: WarmUpRule
  readonly budgetMs: number
  readonly timerStepMs: number
  readonly plan: SamplingPlan
  readonly slotPlans: readonly SlotPlan[]
  readonly warm: WarmUp
  readonly decisions: readonly PairDecision[]
  readonly samplingMs: number
}

export function reportComparison(
  facts: RaceFacts,
  journal: Journal,
  sentinel: readonly SentinelReading[],
): LatencyComparison {
  const { mode, margin, rule, budgetMs, timerStepMs, plan, slotPlans, warm, decisions, samplingMs } = facts
  const counted = journal.slots.filter(({ voided }) => voided === null)
  const byVariant = slotPlans.map((_, index) => counted.filter(({ variant }) => variant === index))
  const drift = reportDrift(byVariant, sentinel)
  // Milliseconds before and after mean different things; a device is described as it is before it gets hot.
  const isSplit = drift !== null && mode === 'compare'
  const described = (slots: readonly TracedSlot[]): readonly TracedSlot[] =>
    isSplit ? slots.slice(0, 2 * drift.atBlock) : slots
  return {
    mode,
    variants: byVariant.map((slots, index) => {
      const slotPlan = slotPlans[index] ?? { runs: 1, isBatched: false }
      return {
        ...describeVariant(described(slots), slotPlan, mode),
        slotValuesMs: slots.map(({ valueMs }) => valueMs),
        runs: slots.length * slotPlan.runs,
        warmUpMs: warm.timesMs[index] ?? [],
      }
    }),
    pairs: decisions.map((decision, index) => ({ a: 0, b: index + 1, ...decision })),
    restarts: journal.count('late-speed-up'),
    voidedBlocks: journal.voidedBlocks,
    plannedBlocks: mode === 'compare' ? plan.blocks : null,
    timerStepMs,
    budgetMs,
    margin,
    warmUp: rule,
    warmUpMs: warm.elapsedMs,
    samplingMs,
    drift,
    figuresFrom: isSplit ? 'before-drift' : 'all',
    retention: mode === 'sustained' ? retentionOf(byVariant, sentinel, samplingMs) : null,
    trace: journal.slots,
    sentinel,
    events: [...journal.events, ...byVariant.flatMap(findStalls)].toSorted((a, b) => a.atMs - b.atMs),
  }
}

function describeVariant(
  slots: readonly TracedSlot[],
  { runs, isBatched }: SlotPlan,
  mode: LatencyMode,
): Omit<VariantLatency, 'slotValuesMs' | 'runs' | 'warmUpMs'> {
  const values = ascending(slots.map(({ valueMs }) => valueMs))
  const samples = ascending(slots.flatMap(({ samplesMs }) => samplesMs))
  const hasSingleRuns = !isBatched && mode === 'compare'
  return {
    medianMs: sortedQuantile(values, 0.5),
    q1Ms: sortedQuantile(values, 0.25),
    q3Ms: sortedQuantile(values, 0.75),
    minMs: sortedQuantile(values, 0),
    maxMs: sortedQuantile(values, 1),
    ...(hasSingleRuns && samples.length >= MIN_RUNS_P90 && { p90Ms: sortedQuantile(samples, 0.9) }),
    ...(hasSingleRuns && samples.length >= MIN_RUNS_P99 && { p99Ms: sortedQuantile(samples, 0.99) }),
    switchMedianMs: median(slots.map(({ switchMs }) => switchMs)),
    runsPerSlot: runs,
    isBatched,
  }
}

function findStalls(slots: readonly TracedSlot[]): readonly RunEvent[] {
  const limit = STALL * median(slots.map(({ valueMs }) => valueMs))
  return slots.flatMap(({ variant, atMs, block, samplesMs }) =>
    samplesMs.flatMap((ms) => (ms > limit ? [{ kind: 'stall' as const, atMs, block, variant, ms }] : [])),
  )
}

function reportDrift(
  byVariant: readonly (readonly TracedSlot[])[],
  sentinel: readonly SentinelReading[],
): DriftReport | null {
  const first = byVariant[0]?.[0]?.atMs ?? Infinity
  // Readings from before a restart belong to blocks that do not count.
  const current = sentinel.filter(({ atMs }, index) => atMs >= first || (sentinel[index + 1]?.atMs ?? Infinity) > first)
  const drift = findDrift(
    byVariant.map((slots) => slots.map(({ valueMs }) => valueMs)),
    current,
  )
  if (!drift) return null
  const atMs = Math.min(...byVariant.map((slots) => slots[2 * drift.atBlock]?.atMs ?? Infinity))
  return {
    ...drift,
    atMs,
    parts: [partOf(byVariant, current, drift, 'before'), partOf(byVariant, current, drift, 'after')],
  }
}

function partOf(
  byVariant: readonly (readonly TracedSlot[])[],
  sentinel: readonly SentinelReading[],
  { atBlock }: Drift,
  side: 'before' | 'after',
): DriftPart {
  const isIn = ({ block }: { readonly block: number }): boolean => block < atBlock === (side === 'before')
  const slots = byVariant.map((own) => own.filter(isIn))
  const readings = sentinel.filter(isIn).map(({ ms }) => ms)
  const [original = [], ...others] = slots
  return {
    blocks: original.length / 2,
    medianMs: slots.map((own) => median(own.map(({ valueMs }) => valueMs))),
    sentinelMs: readings.length > 0 ? median(readings) : null,
    pairs: others.map((own) => ratioOf(original, own)),
  }
}

/** Of a part, looked at once; no verdict rests on it. */
function ratioOf(
  original: readonly TracedSlot[],
  variant: readonly TracedSlot[],
): Pick<PairDecision, 'ratio' | 'ci95'> {
  const logs = original.map(({ valueMs }, index) => Math.log((variant[index]?.valueMs ?? NaN) / valueMs))
  const blocks = Array.from(
    { length: logs.length / 2 },
    (_, b) => ((logs[2 * b] ?? NaN) + (logs[2 * b + 1] ?? NaN)) / 2,
  )
  const { estimate, interval } = hodgesLehmann(blocks, SUSTAINED_PLAN.finalZ)
  const isEnough = interval !== null && blocks.length >= MIN_BLOCKS
  return { ratio: Math.exp(estimate), ci95: isEnough ? [Math.exp(interval[0]), Math.exp(interval[1])] : null }
}

function retentionOf(
  byVariant: readonly (readonly TracedSlot[])[],
  sentinel: readonly SentinelReading[],
  samplingMs: number,
): Retention | null {
  if (samplingMs < 2 * RETENTION_WINDOW_MS) return null
  const compare = (values: readonly { readonly atMs: number; readonly ms: number }[]) => {
    const firstMs = median(values.flatMap(({ atMs, ms }) => (atMs < RETENTION_WINDOW_MS ? [ms] : [])))
    const lastMs = median(values.flatMap(({ atMs, ms }) => (atMs >= samplingMs - RETENTION_WINDOW_MS ? [ms] : [])))
    return { firstMs, lastMs, retention: firstMs / lastMs }
  }
  const ofSentinel = compare(sentinel).retention
  return {
    windowMs: RETENTION_WINDOW_MS,
    variants: byVariant.map((slots) => compare(slots.map(({ atMs, valueMs }) => ({ atMs, ms: valueMs })))),
    sentinel: Number.isFinite(ofSentinel) ? ofSentinel : null,
  }
}
