// Races engines that each live in a worker or process of their own: starts each, checks its answers before any speed, and times those
// that are right in one comparison with random blocks. Slots are timed where the engines are; only the order comes from here.

import { isCancelled, asLabError } from '../core/errors/lab-error'
import type { Rng } from '../core/numeric/rng'
import type { EnvironmentRecord } from '../engines/environment-record'
import type { ColdStart } from './cold-start'
import { compareLatency } from './compare-latency'
import type { Contender, WarmUpRule } from './contender'
import type { EngineCheck } from './engine-check'
import { byRank, engineSpeeds, type EngineChoice, type EngineRace, type EngineRaceEntry } from './engine-race'
import type { LatencyComparison, LatencyProgress, LatencyRequest } from './latency-comparison'
import { progressText } from './progress-text'

/** One engine with one model. Every method but `end` may throw what engine and model throw, and `job/cancelled`. */
export interface RemoteEngine extends EngineChoice, Pick<Contender, 'warmUp' | 'timeSlot'> {
  start(): Promise<EnvironmentRecord>
  check(): Promise<EngineCheck>
  /** Opens the session that is timed. */
  open(): Promise<Opened>
  /** Gives its memory back; called once, whatever happened before. */
  end(): Promise<void>
}

export interface Opened {
  readonly cold: ColdStart
  readonly isSynthetic: boolean
  readonly freeDimensions: Readonly<Record<string, number>>
}

export interface EngineRaceRequest extends Pick<LatencyRequest, 'now' | 'budgetMs' | 'checkpoint' | 'takeEvents'> {
  /** The first that can be timed is what the ratios are relative to. */
  readonly engines: readonly RemoteEngine[]
  readonly margin?: number | undefined
  /** For tests; the procedure's rule when absent. */
  readonly warmUp?: WarmUpRule | undefined
  readonly rng: Rng
  progress(fraction: number, what: string): void
  pause(durationMs: number): Promise<void>
}

/** Parts of the whole that progress gives to preparing the engines and to warming up; the rest is sampling. */
const PREPARING = 0.3
const WARM_UP = 0.3

/** What is known of one engine before the race. */
interface Prepared {
  readonly remote: RemoteEngine
  readonly entry: EngineRaceEntry
  readonly opened: Opened | null
}

/** Throws `job/cancelled`, and what timing throws: one that started and answered and then fails is no lesser engine but a failed race. */
export async function raceEngines(request: EngineRaceRequest): Promise<EngineRace> {
  const { engines } = request
  try {
    const prepared: Prepared[] = []
    for (const [index, remote] of engines.entries()) {
      const report = (what: string): void =>
        request.progress((PREPARING * index) / engines.length, `${remote.name}: ${what}`)
      prepared.push(await prepare(remote, report, request))
    }
    const racers = prepared.filter(({ opened }) => opened !== null)
    const comparison = racers.length > 1 ? await compare(racers, request) : null
    const speeds = comparison ? engineSpeeds(comparison) : []
    const entries = prepared.map(({ entry, opened }, index): EngineRaceEntry => {
      if (!opened) return entry
      const speed = speeds[racers.findIndex(({ remote }) => remote === engines[index])]
      if (speed) return { ...entry, status: 'timed', speed }
      return { ...entry, status: 'alone', reason: 'There is no other engine to race against.' }
    })
    const [first] = racers
    const facts = {
      isSynthetic: first?.opened?.isSynthetic ?? false,
      freeDimensions: first?.opened?.freeDimensions ?? {},
    }
    return { entries: entries.toSorted(byRank), comparison, ...facts }
  } finally {
    await Promise.all(engines.map((remote) => remote.end()))
  }
}

async function prepare(
  remote: RemoteEngine,
  report: (what: string) => void,
  { checkpoint }: EngineRaceRequest,
): Promise<Prepared> {
  const { name, engine, threads } = remote
  let entry: EngineRaceEntry = {
    ...{ name, engine, threads, status: 'unavailable', reason: null },
    ...{ environment: null, check: null, cold: null, speed: null },
  }
  const out = (status: EngineRaceEntry['status'], reason: string): Prepared => ({
    remote,
    entry: { ...entry, status, reason },
    opened: null,
  })
  try {
    await checkpoint()
    report('starting')
    const environment = await remote.start()
    entry = { ...entry, environment }
    const { adapter, threads: started } = environment.engine
    if (adapter?.isSoftware) return out('software', 'Its GPU is emulated in software.')
    if (started !== threads) return out('unavailable', `It runs with ${started} threads here, not with ${threads}.`)
    await checkpoint()
    report('checking its answers')
    const check = await remote.check()
    entry = { ...entry, check }
    if (!check.ok) return out('wrong', `Its answers are wrong${check.failing === null ? '' : `: ${check.failing}`}.`)
    await checkpoint()
    report('opening the model')
    const opened = await remote.open()
    return { remote, entry: { ...entry, cold: opened.cold }, opened }
  } catch (error) {
    if (isCancelled(error)) throw error
    return out('unavailable', asLabError(error).message)
  }
}

function compare(racers: readonly Prepared[], request: EngineRaceRequest): Promise<LatencyComparison> {
  const { now, budgetMs, margin, warmUp, rng, checkpoint, takeEvents } = request
  return compareLatency({
    contenders: contendersOf(racers, request),
    now,
    // Slots of all engines are planned alike, so the coarsest clock decides.
    timerStepMs: Math.max(...racers.map(({ entry }) => entry.environment?.timerStepMs ?? 0)),
    budgetMs,
    ...(margin !== undefined && { margin }),
    ...(warmUp && { warmUp }),
    ...(takeEvents && { takeEvents: () => takeEvents() }),
    rng,
    checkpoint,
    progress: (state) => request.progress(overall(state), progressText(state)),
  })
}

/**
 * Threads of ONNX Runtime wait for more work by spinning, about 16 ms of processor time each after a run, and then sleep; no option of a
 * session changes that, because all sessions of a worker share them. What another engine leaves spinning must not be timed.
 */
const QUIET_MS = 50

function contendersOf(racers: readonly Prepared[], { pause }: EngineRaceRequest): readonly Contender[] {
  const isThreaded = racers.some(({ remote }) => remote.threads > 1)
  let latest: RemoteEngine | undefined
  return racers.map(({ remote }) => ({
    prepare: async () => {
      if (isThreaded && latest !== remote) await pause(QUIET_MS)
      latest = remote
    },
    warmUp: (rule, report) => remote.warmUp(rule, report),
    timeSlot: (plan, firstInput) => remote.timeSlot(plan, firstInput),
  }))
}

const overall = ({ phase, fraction }: LatencyProgress): number =>
  phase === 'warm-up' ? PREPARING + WARM_UP * fraction : PREPARING + WARM_UP + (1 - PREPARING - WARM_UP) * fraction
