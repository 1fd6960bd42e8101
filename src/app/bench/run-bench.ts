// One run: compress, check the engine, compare the answers, then the clock. Each stage adds to the record and reports it, so that
// whatever is finished stays when a later stage fails or is cancelled.

import type {
  DatasetRef,
  EngineStart,
  FreeDimensions,
  LatencyJobRequest,
  LoadedModel,
  ModelFile,
} from '../../../workers/host/protocol'
import type { Recipe } from '../../core/recipe/recipe'
import { CHECK_INPUTS, RACE_INPUTS } from '../../measure/input-counts'
import type { CompressClient } from '../jobs/compress-client'
import type { EngineClient } from '../jobs/engine-client'
import type { JobOptions } from '../jobs/run-job'
import type { KeptSelfCheck } from '../platform/self-check-store'
import { AccuracyRun } from './accuracy-run'
import { inputsFrom, SEED } from './race-inputs'
import { RUN_RECORD_VERSION, type RunRecord } from './run-record'

export interface BenchRequest {
  readonly name: string
  readonly original: LoadedModel
  readonly recipe: Recipe
  readonly calibration?: DatasetRef | undefined
  readonly evaluation?: DatasetRef | undefined
  readonly freeDimensions: FreeDimensions
  readonly seconds: number
  readonly mode?: LatencyJobRequest['mode']
  readonly residency?: LatencyJobRequest['residency']
  /** What is remembered of a self-check of the engine as it started. */
  selfCheckOf?(start: EngineStart): KeptSelfCheck | undefined
}

export interface BenchClients {
  readonly compress: CompressClient
  /** Where the race runs. */
  readonly engine: EngineClient
  /** Plain WASM: fidelity and accuracy are measured there. */
  readonly reference: EngineClient
}

export interface BenchListener {
  /** `fraction` 0…1 of the named stage. */
  progress(stage: BenchStage, fraction: number, what: string): void
  record(record: RunRecord): void
}

export const BENCH_STAGES = ['engine', 'compress', 'check', 'fidelity', 'accuracy', 'latency'] as const
export type BenchStage = (typeof BENCH_STAGES)[number]

export interface BenchOutcome {
  readonly record: RunRecord
  readonly variant: ModelFile
  /** Goes on with accuracy where the first look stopped; absent without evaluation data. */
  readonly accuracy?: AccuracyRun
}

/** Half width of "the same" (docs/measuring.md), where no self-check has widened it. */
export const MARGIN = 0.02

/** Throws what the stages throw; `listener.record` has the part that was finished by then. */
export async function runBench(
  request: BenchRequest,
  { compress, engine, reference }: BenchClients,
  listener: BenchListener,
  signal: AbortSignal,
): Promise<BenchOutcome> {
  const { original, evaluation, freeDimensions } = request
  let record: RunRecord = {
    version: RUN_RECORD_VERSION,
    startedAt: new Date().toISOString(),
    original: { name: request.name, sha256: original.sha256, summary: original.summary },
    recipe: request.recipe,
  }
  const add = (part: Partial<RunRecord>): void => listener.record((record = { ...record, ...part }))
  const job = (stage: BenchStage): JobOptions => {
    listener.progress(stage, 0, '')
    return { signal, progress: (fraction, what) => listener.progress(stage, fraction, what) }
  }

  const start = await engine.start(job('engine'))
  const selfCheck = request.selfCheckOf?.(start)
  add({ engine: start, ...(selfCheck && { selfCheck }) })
  const { model: variant, ...compression } = await compress.compress(
    { modelId: original.model.id, recipe: request.recipe, calibration: request.calibration },
    job('compress'),
  )
  add({ compression })

  const inputs = inputsFrom(evaluation, CHECK_INPUTS)
  const checkOriginal = await engine.engineCheck({ model: original.model, inputs, freeDimensions }, job('check'))
  const checkVariant = await engine.engineCheck({ model: variant, inputs, freeDimensions }, job('check'))
  add({ engineChecks: [checkOriginal, checkVariant] })
  const [wrong] = [
    { model: original.model, check: checkOriginal },
    { model: variant, check: checkVariant },
  ].filter(({ check }) => !check.ok)
  if (wrong) add({ faultSite: await engine.bisect({ ...wrong, inputs, freeDimensions }, job('check')) })
  add({ reference: await reference.start(job('fidelity')) })
  add({
    fidelity: await reference.fidelity({ original: original.model, variant, inputs, freeDimensions }, job('fidelity')),
  })

  const accuracy = evaluation && new AccuracyRun(reference, original.model, variant, evaluation)
  if (accuracy) add({ accuracy: await accuracy.measureToNextLook(job('accuracy')) })

  const isWrong = record.engineChecks?.some(({ ok }) => !ok) ?? true
  const isSoftware = record.engine?.facts.adapter?.isSoftware ?? false
  if (!isWrong && !isSoftware) {
    add({ latency: await engine.compareLatency(raceOf(request, variant, selfCheck), job('latency')) })
  }
  return { record, variant, ...(accuracy && { accuracy }) }
}

function raceOf(request: BenchRequest, variant: ModelFile, selfCheck: KeptSelfCheck | undefined): LatencyJobRequest {
  const { original, evaluation, freeDimensions, seconds, mode, residency } = request
  return {
    variants: [
      { label: 'original', model: original.model },
      { label: 'variant', model: variant },
    ],
    ...{ inputs: inputsFrom(evaluation, RACE_INPUTS), freeDimensions, seconds, mode, residency, seed: SEED },
    margin: Math.max(MARGIN, selfCheck?.margin ?? 0),
  }
}
