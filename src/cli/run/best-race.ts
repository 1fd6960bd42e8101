// The checks and the race of `lathe best`: every file against the reference engine, then those that are right against the original, then
// their answers on real data. Nothing is decided here.

import type { LatencyJobResult } from '../../../workers/host/protocol'
import { asLabError, isCancelled } from '../../core/errors/lab-error'
import type { EnvironmentRecord } from '../../engines/environment-record'
import type { EngineCheck } from '../../measure/engine-check'
import type { Fidelity } from '../../measure/fidelity'
import { CHECK_INPUTS, RACE_INPUTS } from '../../measure/input-counts'
import { comparePredictions, type AnswerComparison } from '../compare-predictions'
import type { Place } from '../engine-name'
import type { Laboratory, LaboratoryRequest } from '../laboratory'
import { openLaboratory } from '../open-laboratory'
import { openModels } from '../open-model'
import type { StagedProgress } from '../progress'
import { ratioOf, timingOf, type BenchRatio, type Timing } from './bench-result'

/** Half-width of “the same”. */
const MARGIN = 0.02

export interface RaceRequest extends Pick<
  LaboratoryRequest,
  'engine' | 'data' | 'freeDimensions' | 'seed' | 'repository'
> {
  readonly progress: StagedProgress
  readonly place: Place
  readonly original: string
  /** Paths of the candidates. */
  readonly variants: readonly string[]
  readonly seconds: number
  /** To compare answers on; 0 takes all. */
  readonly samples: number
}

interface FileChecks {
  readonly check?: EngineCheck
  readonly fidelity?: Pick<Fidelity, 'samples' | 'outputs' | 'topOneAgreement'>
  /** Why it could not be opened or run. */
  readonly failure?: string
}

export interface RacedFile extends FileChecks {
  readonly path: string
  /** Absent without real data, and for models without class scores. */
  readonly answers?: AnswerComparison
  /** Absent where nothing was timed. */
  readonly latency?: BenchRatio
  readonly timing?: Timing
}

export interface RaceOutcome {
  readonly environment: EnvironmentRecord
  readonly originalCheck: EngineCheck
  readonly originalTiming?: Timing
  /** In the order of the request. */
  readonly files: readonly RacedFile[]
  readonly race: LatencyJobResult | null
  /** That answers were compared on; 0 without real data. */
  readonly samples: number
}

/** Throws what the laboratory throws for the original; a candidate that fails is told in its entry. */
export async function raceCandidates(request: RaceRequest): Promise<RaceOutcome> {
  const { originalCheck, checks, isSoftware, environment } = await checkAll(request)
  const sound = request.variants.filter((_, index) => originalCheck.ok && checks[index]?.check?.ok)
  const raced = await raceSound(request, sound, {
    isTimed: !isSoftware && sound.length > 0,
    hasScores: checks.some(({ fidelity }) => fidelity && fidelity.topOneAgreement !== null),
  })
  return {
    environment: raced.race?.environment ?? environment,
    originalCheck,
    ...(raced.race && { originalTiming: timingOf(raced.race, 0) }),
    files: request.variants.map((path, index) => ({ path, ...checks[index], ...raced.files.get(path) })),
    race: raced.race,
    samples: raced.samples,
  }
}

async function checkAll(request: RaceRequest) {
  const { progress, variants } = request
  return withLaboratory(request, variants, async (laboratory) => {
    progress.stage('Checking the answers')
    const { environment, facts } = await laboratory.start()
    const originalCheck = await laboratory.engineCheck(0, CHECK_INPUTS)
    const checks: FileChecks[] = []
    for (let index = 1; index <= variants.length; index++) checks.push(await checkOne(laboratory, index))
    return { environment, isSoftware: facts.adapter?.isSoftware ?? false, originalCheck, checks }
  })
}

async function checkOne(laboratory: Laboratory, index: number): Promise<FileChecks> {
  try {
    const check = await laboratory.engineCheck(index, CHECK_INPUTS)
    const { samples, outputs, topOneAgreement } = (await laboratory.fidelity(index, CHECK_INPUTS)).fidelity
    return { check, fidelity: { samples, outputs, topOneAgreement } }
  } catch (error) {
    if (isCancelled(error)) throw error
    return { failure: asLabError(error).message }
  }
}

interface Raced {
  readonly files: ReadonlyMap<string, Pick<RacedFile, 'answers' | 'latency' | 'timing'>>
  readonly race: LatencyJobResult | null
  readonly samples: number
}

/** Only files that are right: one that does not open would end the race of all. */
async function raceSound(
  request: RaceRequest,
  sound: readonly string[],
  { isTimed, hasScores }: { readonly isTimed: boolean; readonly hasScores: boolean },
): Promise<Raced> {
  const { original, data, engine, progress, seconds, samples } = request
  if (sound.length === 0) return { files: new Map(), race: null, samples: 0 }
  return withLaboratory(request, sound, async (laboratory) => {
    progress.stage('Racing')
    const entries = [0, ...sound.map((_, index) => index + 1)]
    const race = isTimed ? await laboratory.compareLatency(entries, RACE_INPUTS, { seconds, margin: MARGIN }) : null
    progress.stage('Comparing the answers')
    const predictions = data !== undefined && hasScores ? await laboratory.predict(samples || undefined) : undefined
    const names = { a: original, engine: engine.name, margin: MARGIN }
    const files = sound.map((path, index) => {
      const racer = index + 1
      const timed = race && { latency: ratioOf({ ...names, b: path }, race, racer), timing: timingOf(race, racer) }
      return [path, { ...timed, ...(predictions && { answers: comparePredictions(predictions, racer) }) }] as const
    })
    return { files: new Map(files), race, samples: predictions ? predictions.to - predictions.from : 0 }
  })
}

async function withLaboratory<T>(
  { original, repository, place, ...rest }: RaceRequest,
  variants: readonly string[],
  work: (laboratory: Laboratory) => Promise<T>,
): Promise<T> {
  const models = await openModels([original, ...variants], repository)
  const laboratory = await openLaboratory({ ...rest, repository, models }, place)
  try {
    return await work(laboratory)
  } finally {
    await laboratory.close()
  }
}
