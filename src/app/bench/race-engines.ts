// Races engines, or numbers of threads, over one model in this page: each in a fresh worker of its own, which is ended afterwards.
// The race itself is `src/measure/race-engines.ts`.

import type { DatasetRef, FreeDimensions, ModelFile } from '../../../workers/host/protocol'
import { cancelled } from '../../core/errors/lab-error'
import { seededRng } from '../../core/numeric/rng'
import { remoteReport, type WarmUpRule } from '../../measure/contender'
import type { EngineChoice, EngineRace } from '../../measure/engine-race'
import { CHECK_INPUTS, RACE_INPUTS } from '../../measure/input-counts'
import { raceEngines, type RemoteEngine } from '../../measure/race-engines'
import { EngineClient } from '../jobs/engine-client'
import { withEndOfRun } from '../jobs/page-facts'
import type { JobOptions } from '../jobs/run-job'
import { watchVisibility } from '../platform/watch-visibility'
import { inputsFrom } from './race-inputs'

export interface EngineRaceOrder {
  readonly model: ModelFile
  /** The first that can be timed is what the ratios are relative to. */
  readonly engines: readonly EngineChoice[]
  /** Inputs are synthetic without it. */
  readonly evaluation?: DatasetRef | undefined
  readonly freeDimensions?: FreeDimensions | undefined
  /** Time to sample, after warm-up. */
  readonly seconds: number
  readonly margin?: number | undefined
  /** For tests; the procedure's rule when absent. */
  readonly warmUp?: WarmUpRule | undefined
  readonly seed: number
}

/** Throws `job/cancelled` and what timing throws; engines that do not start or refuse the model are entries with a reason. */
export async function raceEnginesInPage(order: EngineRaceOrder, options: JobOptions = {}): Promise<EngineRace> {
  const { engines, seconds, margin, warmUp, seed } = order
  const { signal, progress } = options
  let isHidden = false
  const stopWatching = watchVisibility(() => (isHidden = true))
  try {
    const race = await raceEngines({
      engines: engines.map((choice) => inOwnWorker(choice, order, signal)),
      now: () => performance.now(),
      budgetMs: seconds * 1000,
      margin,
      warmUp,
      rng: seededRng(seed),
      checkpoint: () => (signal?.aborted ? Promise.reject(cancelled()) : Promise.resolve()),
      takeEvents: () => {
        const wasHidden = isHidden
        isHidden = false
        return wasHidden ? ['hidden'] : []
      },
      progress: (fraction, what) => progress?.(fraction, what),
      pause: (durationMs) => new Promise((done) => setTimeout(done, durationMs)),
    })
    return await withEnd(race)
  } finally {
    stopWatching()
  }
}

/** A worker whose turn comes late must not be ended as idle: the longest time that a timer takes. */
const NEVER_IDLE_MS = 2 ** 31 - 1

function inOwnWorker(choice: EngineChoice, order: EngineRaceOrder, signal: AbortSignal | undefined): RemoteEngine {
  const { name, engine, threads } = choice
  const { model, freeDimensions, evaluation, seed } = order
  const inputs = (count: number) => inputsFrom(evaluation, count, seed)
  const client = new EngineClient(engine, threads, { name, idleMs: NEVER_IDLE_MS })
  const options: JobOptions = { signal }
  return {
    ...choice,
    start: async () => (await client.start(options)).environment,
    check: () => client.engineCheck({ model, freeDimensions, inputs: inputs(CHECK_INPUTS) }, options),
    open: () => client.openContender({ label: name, model, freeDimensions, inputs: inputs(RACE_INPUTS) }, options),
    warmUp: (rule, report) =>
      client.warmUpContender(rule, { signal, progress: remoteReport(rule, report, () => performance.now()) }),
    timeSlot: (plan, firstInput) => client.timeSlot({ plan, firstInput }, options),
    end: () => Promise.resolve(client.end()),
  }
}

async function withEnd(race: EngineRace): Promise<EngineRace> {
  const entries = race.entries.map(async (entry) =>
    entry.environment && entry.speed ? { ...entry, environment: await withEndOfRun(entry.environment) } : entry,
  )
  return { ...race, entries: await Promise.all(entries) }
}
