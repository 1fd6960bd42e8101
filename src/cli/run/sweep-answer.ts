// From a race of engines to the answer of `lathe bench --sweep`: the shape of every bench, with engines in the place of files, and what
// they are relative to in `sweep`. An engine that was not timed stands in it with the reason and without a rank.

import type { EngineRace, EngineRaceEntry } from '../../measure/engine-race'
import { describeRace } from './bench-race'
import { ratioOf, timingOf, type Raced } from './bench-result'
import type { SweepAnswer, SweepRatio, SweepVariant } from './sweep-text'

interface SweepFacts {
  readonly file: string
  readonly kind: SweepAnswer['sweep']['kind']
  /** As on the command line; synthetic without it. */
  readonly data: string | undefined
  readonly margin: number
}

export function sweepAnswer(race: EngineRace, { file, kind, data, margin }: SweepFacts) {
  const { entries, comparison, isSynthetic, freeDimensions } = race
  const timed = contenders(race)
  const names = timed.map(({ name }) => name)
  const raced = comparison && { comparison, variants: timed.map(({ cold }) => cold) }
  const environments = entries.flatMap(({ environment }) => environment ?? [])
  const oneRace = { engine: names.join(', '), files: names, residency: 'cpu', sessions: null } as const
  return {
    environment: environments[0] ?? null,
    environments,
    variants: entries.map((entry) => variantOf(file, entry, raced)),
    ratios: ratiosOf(file, timed, raced, margin),
    races: comparison ? [describeRace({ ...oneRace, comparison })] : [],
    selfChecks: [],
    sweep: { kind, relativeTo: names[0] ?? null },
    inputs: { source: data ?? 'synthetic', isSynthetic, freeDimensions },
  } satisfies SweepAnswer & Readonly<Record<string, unknown>>
}

/** Those that were timed, in the order of the comparison. */
const contenders = ({ entries }: EngineRace): readonly EngineRaceEntry[] =>
  entries
    .filter(({ speed }) => speed !== null)
    .toSorted((a, b) => (a.speed?.contender ?? 0) - (b.speed?.contender ?? 0))

function variantOf(file: string, entry: EngineRaceEntry, race: Raced | null): SweepVariant {
  const { name, status, reason, check, speed } = entry
  return {
    ...{ file, engine: name, status, reason, rank: speed?.rank ?? null },
    ...timingOf(race, speed?.contender ?? NOT_RACED),
    ...{ kernelCheck: check, faultSite: null, fidelity: null },
  }
}
const NOT_RACED = -1

/** Against the first that was timed. */
function ratiosOf(
  file: string,
  timed: readonly EngineRaceEntry[],
  race: Raced | null,
  margin: number,
): readonly SweepRatio[] {
  const against = timed[0]?.name ?? ''
  return timed.slice(1).map(({ name, speed }) => ({
    ...ratioOf({ a: file, b: file, engine: name, margin }, race, speed?.contender ?? NOT_RACED),
    against,
  }))
}
