// One engine's bench: the checks of every file, the self-check where it is asked for, then the race of the files that answer right. A
// file that fails its check shows no speed; a GPU that is emulated in software is not timed at all.

import type { LatencyJobResult } from '../../../workers/host/protocol'
import type { EnvironmentRecord } from '../../engines/environment-record'
import { RACE_INPUTS } from '../../measure/input-counts'
import type { SelfCheck } from '../../measure/self-check'
import type { Laboratory, RaceOptions } from '../laboratory'
import { describeRace, type BenchRace } from './bench-race'
import { ratioOf, timingOf, wrongRatio, type BenchRatio, type BenchVariant } from './bench-result'
import { checkAnswers, type FileAnswers } from './check-answers'
import { checkInstrument, checkOfOne, EQUAL_SESSIONS, type InstrumentCheck } from './check-instrument'

export interface Bench {
  readonly engine: string
  /** With the conditions at its end, where something was timed. */
  readonly environment: EnvironmentRecord
  readonly variants: readonly BenchVariant[]
  readonly ratios: readonly BenchRatio[]
  /** Null where nothing was timed. */
  readonly race: BenchRace | null
  /** What this machine calls different although it is the same. A lone file is raced against itself, a check of one pair. */
  readonly selfCheck: SelfCheck | null
  readonly isSynthetic: boolean
  readonly freeDimensions: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
  /** Everything that was timed, sample by sample; not part of the answer. */
  readonly raw: { readonly race: LatencyJobResult | null; readonly selfCheckRaces: readonly LatencyJobResult[] }
}

export interface BenchRequest extends RaceOptions {
  readonly engine: string
  /** The original first. */
  readonly files: readonly string[]
  /** Inputs that fidelity is measured on. */
  readonly fidelityInputs?: number
  /** Checks the device on the original before the race, and races with the margin that this comes to. */
  readonly selfCheck?: boolean
  /** What begins now, for the progress line. */
  stage?(label: string): void
}

export async function measureBench(laboratory: Laboratory, request: BenchRequest): Promise<Bench> {
  const { files, engine, fidelityInputs } = request
  const { environment, facts } = await laboratory.start()
  const answers = await checkAnswers(laboratory, files.length, fidelityInputs)
  const isSoftware = facts.adapter?.isSoftware ?? false
  const timed = isSoftware || !answers[0]?.kernelCheck.ok ? UNTIMED : await time(laboratory, request, answers)
  const { race, racers, instrument, margin } = timed
  const pair = (b: number): BenchRatio => {
    const names = { a: files[0] ?? '', b: files[b] ?? '', engine, margin: margin ?? request.margin }
    const isWrong = !answers[0]?.kernelCheck.ok || !answers[b]?.kernelCheck.ok
    return isWrong ? wrongRatio(names) : ratioOf(names, race, racers.indexOf(b))
  }
  const latest = race ?? instrument?.races.at(-1)
  return {
    engine,
    environment: latest?.environment ?? environment,
    variants: answers.map((found, index) => ({
      ...{ file: files[index] ?? '', engine },
      ...timingOf(race, racers.indexOf(index)),
      ...found,
    })),
    ratios: [...files.keys()].slice(1).map(pair),
    race: race && describeRace({ ...race, engine, files: race.variants.map(({ label }) => label) }),
    selfCheck: instrument?.check ?? null,
    isSynthetic: latest?.isSynthetic ?? false,
    freeDimensions: latest?.freeDimensions ?? {},
    warnings: warningsAbout(environment, isSoftware, instrument?.check ?? null),
    raw: { race, selfCheckRaces: instrument?.races ?? [] },
  }
}

interface Timed {
  readonly race: LatencyJobResult | null
  /** Models in the order of the race. */
  readonly racers: readonly number[]
  readonly instrument: InstrumentCheck | null
  /** The one the race was run with; null without a race. */
  readonly margin: number | null
}

const UNTIMED: Timed = { race: null, racers: [], instrument: null, margin: null }

async function time(laboratory: Laboratory, request: BenchRequest, answers: readonly FileAnswers[]): Promise<Timed> {
  const { seconds, mode, residency, sessions, seed, stage = () => undefined } = request
  const options: RaceOptions = {
    seconds,
    mode,
    residency,
    sessions,
    margin: request.margin,
    ...(seed !== undefined && { seed }),
  }
  const isAlone = answers.length === 1
  const instrument = request.selfCheck
    ? await checkInstrument(laboratory, { options, inputs: RACE_INPUTS, stage })
    : null
  const margin = instrument?.check.margin ?? request.margin
  const racers = isAlone ? [0] : [...answers.keys()].filter((index) => answers[index]?.kernelCheck.ok)
  // Without a comparison the first race of the check has the figures.
  if (instrument && isAlone && mode !== 'sustained')
    return { race: instrument.races[0] ?? null, racers, instrument, margin }
  if (instrument?.check.outcome === 'unfit' || (!isAlone && racers.length < 2)) return { ...UNTIMED, instrument }
  stage('')
  const race = await laboratory.compareLatency(isAlone ? EQUAL_SESSIONS : racers, RACE_INPUTS, { ...options, margin })
  return { race, racers, instrument: instrument ?? (isAlone ? checkOfOne(race) : null), margin }
}

function warningsAbout(
  { engine, where, crossOriginIsolated }: EnvironmentRecord,
  isSoftware: boolean,
  check: SelfCheck | null,
): string[] {
  const failed = engine.selfTests.filter(({ ok }) => !ok)
  return [
    ...(isSoftware ? ['The GPU is emulated in software: nothing was timed on it.'] : []),
    ...(where === 'browser' && !crossOriginIsolated
      ? ['The page is not isolated: one thread and a coarse timer.']
      : []),
    ...failed.map(({ name, detail }) => `Self-test ${name} of ${engine.id} failed: ${detail}`),
    ...(check?.outcome === 'unfit' ? ['This device cannot compare speeds: the files were not raced.'] : []),
  ]
}
