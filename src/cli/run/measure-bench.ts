// One engine's bench: the engine check of every file, the fidelity of every variant, then the race of those that answer right. A file
// that fails its check shows no speed; a GPU that is emulated in software is not timed at all.

import type { LatencyJobResult } from '../../../workers/host/protocol'
import type { EnvironmentRecord } from '../../engines/environment-record'
import type { ColdStart } from '../../measure/cold-start'
import type { EngineCheck } from '../../measure/engine-check'
import type { FaultSite } from '../../measure/fault-site'
import type { Fidelity } from '../../measure/fidelity'
import type { LatencyComparison, PairComparison, VariantLatency } from '../../measure/latency-comparison'
import type { Laboratory, RaceOptions } from '../laboratory'

/** Inputs of the checks, and inputs that rotate while timing. */
const CHECK_INPUTS = 8
const RACE_INPUTS = 16

export interface BenchVariant extends Timing {
  readonly file: string
  /** As it was named on the command line. */
  readonly engine: string
  readonly kernelCheck: EngineCheck
  /** Where the answers start to differ; null where they are right. */
  readonly faultSite: FaultSite | null
  /** Null for the original. */
  readonly fidelity: Pick<Fidelity, 'samples' | 'outputs' | 'topOneAgreement'> | null
}

/** Of this run; null where nothing was timed. */
interface Timing {
  readonly loadMs: number | null
  readonly sessionMs: number | null
  readonly firstRunMs: number | null
  readonly medianMs: number | null
  readonly q1Ms: number | null
  readonly q3Ms: number | null
  /** Null also where a sample is not one inference. */
  readonly p90Ms: number | null
  /** Timed inferences. */
  readonly n: number
  /** Always null: the runs of one session depend on each other, so only ratios carry an interval (docs/measuring.md). */
  readonly ci95: null
  readonly drift: LatencyComparison['drift']
}

export interface BenchRatio {
  readonly a: string
  readonly b: string
  readonly engine: string
  /** b ÷ a */
  readonly ratio: number | null
  readonly ci95: PairComparison['ci95']
  readonly verdict: PairComparison['verdict'] | 'wrong'
  /** Null where nothing was timed. */
  readonly stopped: PairComparison['stopped'] | null
  readonly blocks: number
  readonly looks: number
  readonly restarts: number
}

export interface Bench {
  readonly environment: EnvironmentRecord
  readonly variants: readonly BenchVariant[]
  readonly ratios: readonly BenchRatio[]
  /** A lone file raced against a second session of itself: what this machine calls different although it is the same. */
  readonly selfCheck: BenchRatio | null
  readonly isSynthetic: boolean
  readonly freeDimensions: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
}

export interface BenchRequest extends RaceOptions {
  readonly engine: string
  /** The original first. */
  readonly files: readonly string[]
  /** Inputs that fidelity is measured on. */
  readonly fidelityInputs?: number
}

export async function measureBench(laboratory: Laboratory, request: BenchRequest): Promise<Bench> {
  const { files, engine, seconds, margin } = request
  const { environment, facts } = await laboratory.start()
  const checks: EngineCheck[] = []
  const faultSites: (FaultSite | null)[] = []
  for (const index of files.keys()) {
    const check = await laboratory.engineCheck(index, CHECK_INPUTS)
    checks.push(check)
    faultSites.push(check.ok ? null : await laboratory.bisect(index, CHECK_INPUTS, check))
  }
  const fidelities: BenchVariant['fidelity'][] = []
  for (const index of files.keys())
    fidelities.push(index === 0 ? null : await fidelityOf(laboratory, index, request.fidelityInputs ?? CHECK_INPUTS))
  const isSoftware = facts.adapter?.isSoftware ?? false
  const right = [...files.keys()].filter((index) => checks[index]?.ok)
  const racers = files.length === 1 ? [0, 0] : right
  const isRaced = !isSoftware && right.includes(0) && racers.length > 1
  const race = isRaced ? await laboratory.compareLatency(racers, RACE_INPUTS, { seconds, margin }) : undefined

  const variants = checks.map((kernelCheck, index): BenchVariant => {
    const timing = timingOf(race, racers.indexOf(index))
    const found = { faultSite: faultSites[index] ?? null, fidelity: fidelities[index] ?? null }
    return { file: files[index] ?? '', engine, ...timing, kernelCheck, ...found }
  })
  const name = (index: number): string => files[index] ?? ''
  const pair = (b: number, at: number): BenchRatio => {
    const names = { a: name(0), b: name(b), engine }
    const isWrong = !checks[0]?.ok || !checks[b]?.ok
    return isWrong ? { ...names, ...UNTIMED, verdict: 'wrong' } : { ...names, ...ratioOf(race, at) }
  }
  return {
    environment,
    variants,
    ratios: [...files.keys()].slice(1).map((index) => pair(index, racers.indexOf(index))),
    selfCheck: files.length === 1 ? pair(0, 1) : null,
    isSynthetic: race?.isSynthetic ?? false,
    freeDimensions: race?.freeDimensions ?? {},
    warnings: warningsAbout(environment, isSoftware),
  }
}

async function fidelityOf(laboratory: Laboratory, variant: number, inputs: number): Promise<BenchVariant['fidelity']> {
  const { samples, outputs, topOneAgreement } = (await laboratory.fidelity(variant, inputs)).fidelity
  return { samples, outputs, topOneAgreement }
}

const UNTIMED = { ratio: null, ci95: null, stopped: null, blocks: 0, looks: 0, restarts: 0 } as const

function ratioOf(race: LatencyJobResult | undefined, variant: number): Omit<BenchRatio, 'a' | 'b' | 'engine'> {
  const found = race?.comparison.pairs.find(({ b }) => b === variant)
  if (!race || !found) return { ...UNTIMED, verdict: 'undecided' }
  const { ratio, ci95, verdict, stopped, blocks, looks } = found
  return { ratio, ci95, verdict, stopped, blocks, looks, restarts: race.comparison.restarts }
}

function timingOf(race: LatencyJobResult | undefined, racer: number): Timing {
  const cold: ColdStart | undefined = race?.variants[racer]
  const latency: VariantLatency | undefined = race?.comparison.variants[racer]
  return {
    loadMs: cold?.loadMs ?? null,
    sessionMs: cold?.sessionMs ?? null,
    firstRunMs: cold?.firstRunMs ?? null,
    medianMs: latency?.medianMs ?? null,
    q1Ms: latency?.q1Ms ?? null,
    q3Ms: latency?.q3Ms ?? null,
    p90Ms: latency?.p90Ms ?? null,
    n: latency?.runs ?? 0,
    ci95: null,
    drift: race?.comparison.drift ?? null,
  }
}

function warningsAbout({ engine, where, crossOriginIsolated }: EnvironmentRecord, isSoftware: boolean): string[] {
  const failed = engine.selfTests.filter(({ ok }) => !ok)
  return [
    ...(isSoftware ? ['The GPU is emulated in software: nothing was timed on it.'] : []),
    ...(where === 'browser' && !crossOriginIsolated
      ? ['The page is not isolated: one thread and a coarse timer.']
      : []),
    ...failed.map(({ name, detail }) => `Self-test ${name} of ${engine.id} failed: ${detail}`),
  ]
}
