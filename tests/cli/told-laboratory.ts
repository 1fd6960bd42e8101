// A laboratory that answers as told: which models are right, and what ratio every race comes to. For tests of what the command line makes
// of it; nothing is run.

import type { Laboratory, RaceEntry, RaceOptions } from '../../src/cli/laboratory'
import type { EngineFacts } from '../../src/engines/engine'
import type { EnvironmentRecord } from '../../src/engines/environment-record'
import type { EngineCheck } from '../../src/measure/engine-check'
import type { FaultSite } from '../../src/measure/fault-site'
import type { LatencyComparison, TracedSlot } from '../../src/measure/latency-comparison'
import { judgeRatio } from '../../src/measure/pair-test'
import type { LatencyJobResult } from '../../workers/host/protocol'

export const WASM: EngineFacts = { id: 'ort-wasm', runtime: 'runtime 1', build: 'wasm', threads: 1, selfTests: [] }

export interface ToldRace {
  readonly entries: readonly RaceEntry[]
  readonly options: RaceOptions
}

export interface Told {
  /** By model. */
  readonly right: readonly boolean[]
  readonly engine?: EngineFacts
  /** Of every contender against the first; by model 1, 1.1, 1.2, … when absent, and 1.05 for 21 runs against 20. */
  readonly ratio?: (race: ToldRace, index: number) => number
  /** Half-width of every interval. */
  readonly half?: number
  readonly faultSite?: FaultSite
  readonly change?: Partial<LatencyComparison>
}

/** Notes every race. */
export function toldLaboratory(told: Told): { readonly lab: Laboratory; readonly races: readonly ToldRace[] } {
  const { right, engine = WASM } = told
  const races: ToldRace[] = []
  const lab: Laboratory = {
    probe: () => Promise.reject(new Error('not asked')),
    start: () => Promise.resolve({ facts: engine, environment: environment(engine), startMs: 5 }),
    engineCheck: (model) => Promise.resolve(check(right[model] ?? false)),
    bisect: () => Promise.resolve(told.faultSite ?? { kind: 'not-found', reason: 'nothing is run' }),
    fidelity: () =>
      Promise.resolve({
        fidelity: { samples: 8, outputs: [], topOneAgreement: 1, topOneAgrees: [] },
        isSynthetic: true,
      }),
    compareLatency: (entries, _, options) => {
      races.push({ entries, options })
      return Promise.resolve(result({ entries, options }, told, races.length - 1, environment(engine)))
    },
    predict: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  }
  return { lab, races }
}

const modelOf = (entry: RaceEntry): number => (typeof entry === 'number' ? entry : entry.model)

const toldRatio = (entries: readonly RaceEntry[], at: number): number => {
  const [a, b] = [entries[0] ?? 0, entries[at] ?? 0]
  const repeats = [a, b].map((entry) => (typeof entry === 'number' ? 1 : (entry.repeat ?? 1)))
  return ((1 + modelOf(b) / 10) / (1 + modelOf(a) / 10)) * ((repeats[1] ?? 1) / (repeats[0] ?? 1))
}

function check(ok: boolean): EngineCheck {
  const worst = { sample: 3, position: [0, 7], reference: '0.25', candidate: '0.75' }
  const output = {
    ...{ name: 'y', dtype: 'float32' as const, ok, reason: ok ? null : ('different' as const) },
    ...{ maxAbs: ok ? 0 : 0.5, tolerance: 0.001, sqnrDb: null, isIdentical: ok, worst: ok ? null : worst },
  }
  return { ok, precision: 'float32', samples: 8, outputs: [output], failing: ok ? null : 'y' }
}

export const environment = (engine: EngineFacts): EnvironmentRecord => ({
  ...{ engine, where: 'node', crossOriginIsolated: false, timerStepMs: 0.005, hardwareConcurrency: 2 },
  ...{ deviceMemoryGB: null, screenHz: null, browser: 'Node 20', appVersion: '0' },
  conditions: { start: { pageVisible: true, power: null, isSavingPower: null, pressure: null }, end: null },
})

function result(race: ToldRace, told: Told, index: number, record: EnvironmentRecord): LatencyJobResult {
  const { entries, options } = race
  const ratios = entries.slice(1).map((_, at) => told.ratio?.(race, index) ?? toldRatio(entries, at + 1))
  const half = told.half ?? 0.005
  const comparison: LatencyComparison = {
    ...{ mode: options.mode ?? 'compare', margin: options.margin, budgetMs: options.seconds * 1000 },
    variants: entries.map((entry, variant) => ({
      ...figures(10 + modelOf(entry)),
      ...{ slotValuesMs: [], runs: 50, warmUpMs: [30, 12, 10, 10 + variant] },
    })),
    pairs: ratios.map((ratio, at) => {
      const ci95 = [ratio - half, ratio + half] as const
      const verdict = judgeRatio(ratio, ci95, options.margin)
      const differences = Array.from({ length: 20 }, (_, block) => Math.log(ratio) + (half / 10) * ((block % 5) - 2))
      const stopped = verdict === 'same' ? 'same' : verdict === 'undecided' ? 'budget' : 'clear'
      return {
        a: 0,
        b: at + 1,
        ratio,
        ci95,
        verdict,
        stopped,
        blocks: 20,
        looks: 1,
        blockDifferences: differences,
      } as const
    }),
    ...{ restarts: 1, voidedBlocks: { hidden: 0, restarted: 4, deviceLost: 0 }, plannedBlocks: 20, timerStepMs: 0.005 },
    ...{ warmUp: { minRuns: 60, minMs: 3000 }, warmUpMs: 6000, samplingMs: 900, drift: null, figuresFrom: 'all' },
    ...{ retention: null, trace: entries.map((_, variant) => slot(variant)), sentinel: [], events: [] },
    ...told.change,
  }
  return {
    comparison,
    variants: entries.map((entry) => ({
      label: String(modelOf(entry)),
      loadMs: 1,
      sessionMs: 2,
      firstRunMs: 3 + modelOf(entry),
    })),
    ...{ isSynthetic: true, freeDimensions: { batch: 1 }, residency: options.residency ?? 'cpu', environment: record },
    sessions: { open: options.sessions ?? 'together', neededBytes: 3.2e9, capBytes: 1e9 },
  }
}

const figures = (medianMs: number) => ({
  ...{ medianMs, q1Ms: medianMs, q3Ms: medianMs, minMs: medianMs, maxMs: medianMs },
  ...{ switchMedianMs: medianMs, runsPerSlot: 5, isBatched: false },
})

const slot = (variant: number): TracedSlot => ({
  ...{
    variant,
    atMs: 100 * variant,
    block: 0,
    switchMs: 11,
    samplesMs: [10, 10, 10, 10, 10],
    valueMs: 10,
    voided: null,
  },
})
