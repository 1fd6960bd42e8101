// Races engines, or numbers of threads of one, over a model for the terminal: each in a process of its own, or in a worker of a headless
// browser's page.

import { LabError } from '../../core/errors/lab-error'
import { seededRng } from '../../core/numeric/rng'
import type { WarmUpRule } from '../../measure/contender'
import type { EngineRace } from '../../measure/engine-race'
import { raceEngines } from '../../measure/race-engines'
import { engineContender } from '../engine-contender'
import { choosePlace, parseEngine, type Place } from '../engine-name'
import { withFittedDimensions } from '../laboratory'
import { openModels } from '../open-model'
import type { Terminal } from '../terminal'

export interface EngineRaceOrder {
  /** As on the command line. */
  readonly file: string
  /** Names such as `ort-wasm:2`; the first that can be timed is what the ratios are relative to. */
  readonly engines: readonly string[]
  /** Node when absent, unless an engine needs a browser. */
  readonly where?: Place | undefined
  readonly seconds: number
  readonly margin: number
  /** As on the command line; without it inputs are synthetic. */
  readonly data?: string | undefined
  readonly freeDimensions: Readonly<Record<string, number>>
  readonly seed: number
  /** For tests; the procedure's rule when absent. */
  readonly warmUp?: WarmUpRule | undefined
}

/** Throws `cli/usage` for engines that do not run in one place, what opening throws, and what timing throws. */
export async function raceEnginesFor(order: EngineRaceOrder, terminal: Terminal): Promise<EngineRace> {
  const choices = order.engines.map(parseEngine)
  const where = choices.some((choice) => choosePlace(choice, order.where) === 'browser') ? 'browser' : 'node'
  return where === 'browser' ? inBrowser(order, terminal) : inProcesses(order, terminal)
}

async function inProcesses(order: EngineRaceOrder, { progress, repository }: Terminal): Promise<EngineRace> {
  const { engines, seconds, margin, warmUp, seed } = order
  return raceEngines({
    engines: engines.map((name) => engineContender({ ...order, engine: parseEngine(name), repository })),
    now: () => performance.now(),
    budgetMs: seconds * 1000,
    margin,
    warmUp,
    rng: seededRng(seed),
    checkpoint: () => Promise.resolve(),
    progress: (fraction, what) => progress.show(fraction, what),
    pause: (durationMs) => new Promise((done) => setTimeout(done, durationMs)),
  })
}

async function inBrowser(order: EngineRaceOrder, terminal: Terminal): Promise<EngineRace> {
  const { engines, file, seconds, margin, warmUp, seed } = order
  const { openBrowserLaboratory } = await import('../browser-laboratory')
  const choices = engines.map(parseEngine)
  const [engine] = choices
  if (!engine) throw new LabError('internal', 'There is no engine to race.')
  const models = await openModels([file], terminal.repository)
  const laboratory = await openBrowserLaboratory(withFittedDimensions({ ...order, ...terminal, models, engine }))
  try {
    return await laboratory.raceEngines(0, { engines: choices, seconds, margin, warmUp, seed })
  } finally {
    await laboratory.close()
  }
}
