// Compares the latency of variants with their original by the procedure of docs/measuring.md: warm-up, slots in randomised blocks,
// planned looks, one decision per pair. It owns no session and no clock: the host gives both. “Wrong answers” is not decided here.

import { LabError } from '../core/errors/lab-error'
import { findDrift } from './drift'
import { watchForSpeedUp } from './late-speed-up'
import type { LatencyComparison, LatencyRequest, VariantLatency, WarmUpRule } from './latency-comparison'
import { pairTest, type PairDecision, type PairTest } from './pair-test'
import { ascending, median, sortedQuantile } from './quantiles'
import { blockOrder, planSampling, planSlot, type SamplingPlan, type SlotPlan } from './sampling-plan'
import { timeSlot, type Slot } from './slot'
import { warmUp, type WarmUp } from './warm-up'

const DEFAULT_MARGIN = 0.02
const DEFAULT_WARM_UP: WarmUpRule = { minRuns: 60, minMs: 3000 }

/** What counts since the last restart. Slots per variant, two a block, in order. */
interface Sampling {
  readonly plan: SamplingPlan
  /** Typical time of one inference per variant, ms, that the plan rests on. */
  readonly runMs: readonly number[]
  readonly slotPlans: readonly SlotPlan[]
  readonly slots: readonly Slot[][]
  readonly watches: readonly ReturnType<typeof watchForSpeedUp>[]
  readonly tests: readonly PairTest[]
  blocks: number
}

interface Voided {
  restarts: number
  disturbed: number
  restarted: number
}

/**
 * Runs until every pair is decided or the budget is spent. Throws what `run` or `checkpoint` throws, `options/invalid` for a
 * request that cannot be measured, and `engine/failed` when the page was hidden during every block.
 */
export async function compareLatency(request: LatencyRequest): Promise<LatencyComparison> {
  const margin = request.margin ?? DEFAULT_MARGIN
  const rule = request.warmUp ?? DEFAULT_WARM_UP
  verifyRequest(request, margin, rule)
  const warm = await warmUp(request, rule)
  const voided: Voided = { restarts: 0, disturbed: 0, restarted: 0 }
  const started = request.now()
  const elapsed = (): number => request.now() - started

  let sampling = startSampling(request, margin, warm.runMs, request.budgetMs)
  let decisions: readonly PairDecision[] | null = null
  while (!decisions) {
    const outcome = await runBlock(request, sampling)
    if (outcome.kind === 'speed-up') {
      voided.restarts++
      voided.restarted += sampling.blocks + 1
      sampling = startSampling(request, margin, paceAfter(sampling, outcome.slots), request.budgetMs - elapsed())
    } else if (outcome.kind === 'disturbed') {
      voided.disturbed++
    } else {
      decisions = addBlock(sampling, outcome.slots)
    }
    decisions ??= elapsed() >= request.budgetMs ? finish(sampling, voided) : null
    reportProgress(request, sampling, elapsed(), decisions !== null)
  }
  return report(request, { margin, rule, warm, sampling, voided, decisions, samplingMs: elapsed() })
}

function verifyRequest(request: LatencyRequest, margin: number, rule: WarmUpRule): void {
  const refuse = (path: string, expected: string, got: number): never => {
    const message = `A latency comparison needs ${path} to be ${expected}, not ${got}.`
    throw new LabError('options/invalid', message, { path, expected, got })
  }
  if (!(request.variantCount >= 2)) refuse('variantCount', 'at least 2', request.variantCount)
  if (!(request.inputCount >= 1)) refuse('inputCount', 'at least 1', request.inputCount)
  if (!(request.timerStepMs > 0 && request.timerStepMs < Infinity))
    refuse('timerStepMs', 'above 0 and finite', request.timerStepMs)
  if (!(request.budgetMs > 0)) refuse('budgetMs', 'above 0', request.budgetMs)
  if (!(margin > 0 && margin < 1)) refuse('margin', 'between 0 and 1', margin)
  if (!(rule.minRuns >= 1)) refuse('warmUp.minRuns', 'at least 1', rule.minRuns)
}

function startSampling(request: LatencyRequest, margin: number, runMs: readonly number[], leftMs: number): Sampling {
  const slotPlans = runMs.map((time) => planSlot(time, request.timerStepMs))
  const blockMs = slotPlans.reduce((sum, { runs }, variant) => sum + 2 * (runs + 1) * (runMs[variant] ?? 0), 0)
  const plan = planSampling(leftMs, blockMs)
  return {
    plan,
    runMs,
    slotPlans,
    slots: runMs.map(() => []),
    watches: runMs.map(watchForSpeedUp),
    tests: runMs.slice(1).map(() => pairTest(plan, margin)),
    blocks: 0,
  }
}

type BlockOutcome = { readonly kind: 'counts' | 'disturbed' | 'speed-up'; readonly slots: readonly Slot[][] }

async function runBlock(request: LatencyRequest, sampling: Sampling): Promise<BlockOutcome> {
  const slots: Slot[][] = sampling.slotPlans.map(() => [])
  request.wasDisturbed?.()
  for (const variant of blockOrder(request.variantCount, request.rng)) {
    const plan = sampling.slotPlans[variant]
    const own = slots[variant]
    if (!plan || !own) continue
    // By visit, not by run: all variants see the same inputs even where their slots differ in length.
    const slot = await timeSlot(request, variant, plan, 2 * sampling.blocks + own.length)
    own.push(slot)
    for (const sample of slot.samplesMs) if (sampling.watches[variant]?.add(sample)) return { kind: 'speed-up', slots }
  }
  return { kind: request.wasDisturbed?.() ? 'disturbed' : 'counts', slots }
}

/** Time of one inference per variant as the newest slots show it. */
function paceAfter(sampling: Sampling, latest: readonly Slot[][]): readonly number[] {
  return sampling.runMs.map((runMs, variant) => {
    const slot = latest[variant]?.at(-1) ?? sampling.slots[variant]?.at(-1)
    return slot?.valueMs ?? runMs
  })
}

/** All decisions, once every pair has one. */
function addBlock(sampling: Sampling, block: readonly Slot[][]): readonly PairDecision[] | null {
  const level = (variant: number): number => {
    const [first, second] = block[variant] ?? []
    return (Math.log(first?.valueMs ?? NaN) + Math.log(second?.valueMs ?? NaN)) / 2
  }
  sampling.blocks++
  sampling.slots.forEach((slots, variant) => slots.push(...(block[variant] ?? [])))
  const decisions = sampling.tests.map((test, index) => test.add(level(index + 1) - level(0)))
  return decisions.every((decision) => decision !== null) ? decisions : null
}

/** The budget is spent. A restart may have left no block at all; then one more is run. */
function finish(sampling: Sampling, voided: Voided): readonly PairDecision[] | null {
  if (sampling.blocks > 0) return sampling.tests.map((test) => test.finish())
  if (voided.disturbed === 0) return null
  const message = `Nothing could be measured: the page was hidden during all ${voided.disturbed} blocks.`
  throw new LabError('engine/failed', message, { disturbedBlocks: voided.disturbed })
}

function reportProgress(request: LatencyRequest, sampling: Sampling, elapsedMs: number, isDone: boolean): void {
  const fraction = isDone
    ? 1
    : Math.max(sampling.blocks / sampling.plan.blocks, Math.min(elapsedMs / request.budgetMs, 1))
  const leftMs = isDone ? 0 : Math.max(request.budgetMs - elapsedMs, 0)
  request.progress({ phase: 'sampling', fraction, blocks: sampling.blocks, elapsedMs, leftMs })
}

interface Finished {
  readonly margin: number
  readonly rule: WarmUpRule
  readonly warm: WarmUp
  readonly sampling: Sampling
  readonly voided: Voided
  readonly decisions: readonly PairDecision[]
  readonly samplingMs: number
}

function report(request: LatencyRequest, finished: Finished): LatencyComparison {
  const { margin, rule, warm, sampling, voided, decisions, samplingMs } = finished
  const variants = sampling.slots.map((slots, variant) =>
    describeVariant(slots, sampling.slotPlans[variant] ?? { runs: 1, isBatched: false }, warm.runs[variant] ?? 0),
  )
  return {
    variants,
    pairs: decisions.map((decision, index) => ({ a: 0, b: index + 1, ...decision })),
    restarts: voided.restarts,
    voidedBlocks: { disturbed: voided.disturbed, restarted: voided.restarted },
    plannedBlocks: sampling.plan.blocks,
    timerStepMs: request.timerStepMs,
    budgetMs: request.budgetMs,
    margin,
    warmUp: rule,
    warmUpMs: warm.elapsedMs,
    samplingMs,
    drift: findDrift(variants.map(({ slotValuesMs }) => slotValuesMs)),
  }
}

function describeVariant(slots: readonly Slot[], plan: SlotPlan, warmUpRuns: number): VariantLatency {
  const slotValuesMs = slots.map(({ valueMs }) => valueMs)
  const values = ascending(slotValuesMs)
  const samples = ascending(slots.flatMap(({ samplesMs }) => samplesMs))
  return {
    medianMs: sortedQuantile(values, 0.5),
    q1Ms: sortedQuantile(values, 0.25),
    q3Ms: sortedQuantile(values, 0.75),
    minMs: sortedQuantile(values, 0),
    maxMs: sortedQuantile(values, 1),
    ...(plan.isBatched ? {} : { p90Ms: sortedQuantile(samples, 0.9) }),
    slotValuesMs,
    runs: slots.length * plan.runs,
    warmUpRuns,
    switchMedianMs: median(slots.map(({ switchMs }) => switchMs)),
    runsPerSlot: plan.runs,
    isBatched: plan.isBatched,
  }
}
