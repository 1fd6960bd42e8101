// Compares the latency of contenders with the first of them by the procedure of docs/measuring.md: warm-up, slots in randomised blocks,
// planned looks, one decision per pair. It owns no session and no clock: the host gives both. “Wrong answers” is not decided here.

import { LabError } from '../core/errors/lab-error'
import { liveBand } from './confidence-sequence'
import type { WarmUpRule } from './contender'
import { Journal } from './journal'
import { watchForSpeedUp } from './late-speed-up'
import type { LatencyComparison, LatencyMode, LatencyRequest, TracedSlot, VoidReason } from './latency-comparison'
import { reportComparison } from './latency-report'
import { pairTest, type PairDecision, type PairTest } from './pair-test'
import { blockOrder, planSampling, planSlot, SUSTAINED_PLAN, type SamplingPlan, type SlotPlan } from './sampling-plan'
import { startSentinel, type Sentinel } from './sentinel'
import { slotValueMs } from './slot'
import { MAX_RECOVERIES, warmUp, type WarmUp } from './warm-up'

const DEFAULT_MARGIN = 0.02
const DEFAULT_WARM_UP: WarmUpRule = { minRuns: 60, minMs: 3000 }
/** Sustained runs have longer slots, so that half an hour of them fits into memory. */
const SUSTAINED_SLOT_MS = 250

interface Settings {
  readonly mode: LatencyMode
  readonly margin: number
  readonly rule: WarmUpRule
}

/** Typical times per contender, ms, that a plan rests on. */
type Pace = Pick<WarmUp, 'runMs' | 'prepareMs'>

/** What counts since the last restart. */
interface Sampling {
  readonly plan: SamplingPlan
  readonly pace: Pace
  readonly slotPlans: readonly SlotPlan[]
  readonly watches: readonly ReturnType<typeof watchForSpeedUp>[]
  readonly tests: readonly PairTest[]
  readonly bands: readonly ReturnType<typeof liveBand>[]
  blocks: number
}

/**
 * Runs until every pair is decided or the budget is spent. Throws what contenders and `checkpoint` throw, `options/invalid` for a
 * request that cannot be measured, and `engine/failed` when the page was hidden during every block.
 */
export async function compareLatency(request: LatencyRequest): Promise<LatencyComparison> {
  const { mode = 'compare', margin = DEFAULT_MARGIN, warmUp: rule = DEFAULT_WARM_UP } = request
  const settings: Settings = { mode, margin, rule }
  verifyRequest(request, settings)
  const warm = await warmUp(request, rule)
  const sentinel = await startSentinel(request.sentinel, request.timerStepMs)
  const started = request.now()
  const elapsed = (): number => request.now() - started
  const journal = new Journal(elapsed)

  let sampling = startSampling(request, settings, warm, request.budgetMs)
  let decisions: readonly PairDecision[] | null = null
  while (!decisions) {
    const outcome = await runBlock(request, settings, sampling, { journal, sentinel })
    if (outcome.kind === 'counts') decisions = addBlock(sampling, outcome.slots)
    else journal.voidSlots(outcome.slots, outcome.kind)
    if (outcome.kind === 'restarted') {
      journal.voidAll('restarted')
      sampling = startSampling(request, settings, paceAfter(sampling, outcome.slots), request.budgetMs - elapsed())
    } else if (outcome.kind === 'deviceLost') {
      // Fresh sessions are cold: shaders and code are compiled again.
      journal.voidAll('deviceLost')
      const again = await warmUp(request, rule)
      sampling = startSampling(request, settings, again, request.budgetMs - elapsed())
    }
    decisions ??= elapsed() >= request.budgetMs ? finish(sampling, journal) : null
    reportProgress(request, sampling, elapsed(), decisions !== null)
  }
  const { budgetMs, timerStepMs } = request
  const { plan, slotPlans } = sampling
  const facts = { ...settings, budgetMs, timerStepMs, plan, slotPlans, warm, decisions, samplingMs: elapsed() }
  return reportComparison(facts, journal, sentinel.readings)
}

function verifyRequest(request: LatencyRequest, { margin, rule }: Settings): void {
  const refuse = (path: string, expected: string, got: number): never => {
    const message = `A latency comparison needs ${path} to be ${expected}, not ${got}.`
    throw new LabError('options/invalid', message, { path, expected, got })
  }
  if (!(request.contenders.length >= 2)) refuse('contenders', 'at least 2', request.contenders.length)
  if (!(request.timerStepMs > 0 && request.timerStepMs < Infinity))
    refuse('timerStepMs', 'above 0 and finite', request.timerStepMs)
  if (!(request.budgetMs > 0)) refuse('budgetMs', 'above 0', request.budgetMs)
  if (!(margin > 0 && margin < 1)) refuse('margin', 'between 0 and 1', margin)
  if (!(rule.minRuns >= 1)) refuse('warmUp.minRuns', 'at least 1', rule.minRuns)
}

function startSampling(
  { timerStepMs }: LatencyRequest,
  { mode, margin }: Settings,
  pace: Pace,
  leftMs: number,
): Sampling {
  const { runMs } = pace
  const slotPlans = runMs.map((time) => planSlot(time, timerStepMs, mode === 'sustained' ? SUSTAINED_SLOT_MS : 0))
  const runsMs = slotPlans.reduce((sum, { runs }, variant) => sum + 2 * (runs + 1) * (runMs[variant] ?? 0), 0)
  const blockMs = runsMs + preparingMs(pace)
  const plan = mode === 'sustained' ? SUSTAINED_PLAN : planSampling(leftMs, blockMs)
  return {
    plan,
    pace,
    slotPlans,
    watches: runMs.map(watchForSpeedUp),
    tests: runMs.slice(1).map(() => pairTest(plan, margin)),
    bands: runMs.slice(1).map(liveBand),
    blocks: 0,
  }
}

/**
 * In a block of A B C C B A another contender takes over 2(n − 1) times, and mostly none where two blocks meet. Rather too little than too
 * much: a plan with too few blocks ends before its time, one with too many is ended by the time.
 */
const preparingMs = ({ prepareMs }: Pace): number => Math.min(...prepareMs) * 2 * (prepareMs.length - 1)

interface BlockOutcome {
  readonly kind: 'counts' | VoidReason
  readonly slots: readonly TracedSlot[]
}

interface Recording {
  readonly journal: Journal
  readonly sentinel: Sentinel
}

async function runBlock(
  request: LatencyRequest,
  settings: Settings,
  sampling: Sampling,
  { journal, sentinel }: Recording,
): Promise<BlockOutcome> {
  const slots: TracedSlot[] = []
  const visits = sampling.pace.runMs.map(() => 0)
  // What happened between two blocks concerns no timing.
  request.takeEvents?.()
  try {
    await sentinel.readWhenDue(journal.elapsedMs(), sampling.blocks)
    for (const variant of blockOrder(request.contenders.length, request.rng)) {
      // By visit, not by run: all variants see the same inputs even where their slots differ in length.
      const visit = visits[variant] ?? 0
      visits[variant] = visit + 1
      const { slot, isFaster } = await runSlot(request, settings, sampling, { journal, variant, visit })
      slots.push(slot)
      if (isFaster) return { kind: 'restarted', slots }
      // What happened during the slot is told at a turn of the message loop.
      await request.checkpoint()
      const events = request.takeEvents?.() ?? []
      for (const kind of events) journal.note(kind, sampling.blocks, variant)
      if (events.includes('hidden')) return { kind: 'hidden', slots }
    }
  } catch (error) {
    const lost = journal.count('device-lost')
    if (lost >= MAX_RECOVERIES || !(await request.recover?.(error))) throw error
    journal.note('device-lost', sampling.blocks)
    return { kind: 'deviceLost', slots }
  }
  return { kind: 'counts', slots }
}

interface SlotPlace {
  readonly journal: Journal
  readonly variant: number
  /** 0 or 1: how often this block has been here before. */
  readonly visit: number
}

async function runSlot(
  request: LatencyRequest,
  { mode }: Settings,
  sampling: Sampling,
  { journal, variant, visit }: SlotPlace,
): Promise<{ readonly slot: TracedSlot; readonly isFaster: boolean }> {
  const [contender, plan, watch] = [request.contenders[variant], sampling.slotPlans[variant], sampling.watches[variant]]
  if (!contender || !plan || !watch) throw new LabError('internal', `There is no contender ${variant}.`)
  await contender.prepare?.()
  const atMs = journal.elapsedMs()
  const times = await contender.timeSlot(plan, (2 * sampling.blocks + visit) * (plan.runs + 1))
  const valueMs = slotValueMs(times, plan, request.timerStepMs)
  const { switchMs } = times
  // Single runs of half an hour would not fit into a phone's memory.
  const samplesMs = mode === 'sustained' ? [valueMs] : times.samplesMs
  const slot = journal.addSlot({ variant, atMs, block: sampling.blocks, valueMs, switchMs, samplesMs })
  // In a sustained run a device that cools down is a finding, not the end of the warm-up.
  const isFaster = mode === 'compare' && times.samplesMs.map((ms) => watch.add(ms)).includes(true)
  if (isFaster) journal.note('late-speed-up', sampling.blocks, variant)
  return { slot, isFaster }
}

/** With the time of one inference as the newest slots show it. */
const paceAfter = ({ pace }: Sampling, latest: readonly TracedSlot[]): Pace => ({
  ...pace,
  runMs: pace.runMs.map((ms, index) => latest.findLast(({ variant }) => variant === index)?.valueMs ?? ms),
})

/** All decisions, once every pair has one. */
function addBlock(sampling: Sampling, slots: readonly TracedSlot[]): readonly PairDecision[] | null {
  const level = (index: number): number => {
    const own = slots.filter(({ variant }) => variant === index)
    return own.reduce((sum, { valueMs }) => sum + Math.log(valueMs), 0) / own.length
  }
  sampling.blocks++
  const decisions = sampling.tests.map((test, index) => {
    const difference = level(index + 1) - level(0)
    sampling.bands[index]?.add(difference)
    return test.add(difference)
  })
  return decisions.every((decision) => decision !== null) ? decisions : null
}

/** The budget is spent. A restart may have left no block at all; then one more is run. */
function finish(sampling: Sampling, journal: Journal): readonly PairDecision[] | null {
  if (sampling.blocks > 0) return sampling.tests.map((test) => test.finish())
  const hidden = journal.voidedBlocks.hidden
  if (hidden === 0) return null
  const message = `Nothing could be measured: the page was hidden during all ${hidden} blocks.`
  throw new LabError('engine/failed', message, { hiddenBlocks: hidden })
}

function reportProgress(request: LatencyRequest, sampling: Sampling, elapsedMs: number, isDone: boolean): void {
  const { blocks, plan, bands } = sampling
  const fraction = isDone ? 1 : Math.max(blocks / plan.blocks, Math.min(elapsedMs / request.budgetMs, 1))
  const leftMs = isDone ? 0 : Math.max(request.budgetMs - elapsedMs, 0)
  const live = bands.flatMap(({ interval }) =>
    interval ? [[Math.exp(interval[0]), Math.exp(interval[1])] as const] : [],
  )
  request.progress({ phase: 'sampling', fraction, blocks, warmUpRuns: 0, elapsedMs, leftMs, bands: live })
}
