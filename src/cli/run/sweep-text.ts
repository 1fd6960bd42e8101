// The answer of `lathe bench --sweep` for a person: the ranked table, and over numbers of threads the curve with its intervals.

import type { EnvironmentRecord } from '../../engines/environment-record'
import type { EngineCheck } from '../../measure/engine-check'
import type { EngineRaceEntry } from '../../measure/engine-race'
import { formatRatio } from '../format-number'
import { formatTable } from '../table'
import type { BenchRace } from './bench-race'
import type { BenchRatio, BenchVariant } from './bench-result'
import { describeEnvironment, describeInputs, type BenchInputs } from './bench-text'
import { describeEvents } from './race-events-text'
import { RIGHT, TIMING_COLUMNS, timingCells } from './timing-columns'

export interface SweepVariant extends Omit<BenchVariant, 'kernelCheck'>, Pick<EngineRaceEntry, 'status' | 'reason'> {
  /** Null where it was not reached. */
  readonly kernelCheck: EngineCheck | null
  /** 1 + the number that is certainly faster; null where there is no speed. */
  readonly rank: number | null
}

export interface SweepRatio extends BenchRatio {
  /** The engine that `engine` is compared with. */
  readonly against: string
}

export interface SweepAnswer {
  readonly environments: readonly EnvironmentRecord[]
  /** By rank. */
  readonly variants: readonly SweepVariant[]
  readonly ratios: readonly SweepRatio[]
  readonly races: readonly BenchRace[]
  readonly sweep: { readonly kind: 'threads' | 'engines'; readonly relativeTo: string | null }
  readonly inputs: BenchInputs
}

const COLUMNS = [
  { head: 'rank', ...RIGHT },
  ...TIMING_COLUMNS,
  { head: 'ratio', ...RIGHT },
  { head: '95 % CI', ...RIGHT },
  { head: 'verdict' },
]

export function describeSweep(answer: SweepAnswer): string {
  const { environments, variants, ratios, races, sweep, inputs } = answer
  const untimed = variants.flatMap(({ engine, reason }) => (reason === null ? [] : [`${engine}: ${reason}`]))
  return [
    environments.map(describeEnvironment).join('\n'),
    describeInputs(inputs),
    formatTable(
      COLUMNS,
      variants.map((variant) => row(variant, ratios)),
    ),
    ...(sweep.relativeTo === null
      ? []
      : [`Ratios are to ${sweep.relativeTo}. Engines whose difference is not decided share a rank.`]),
    ...(sweep.kind === 'threads' && ratios.length > 0 ? [threadCurve(answer)] : []),
    ...races.map(describeEvents),
    ...(untimed.length > 0 ? [untimed.join('\n')] : []),
  ].join('\n\n')
}

function row(variant: SweepVariant, ratios: readonly SweepRatio[]): readonly string[] {
  const { engine, rank, status } = variant
  const found = ratios.find((ratio) => ratio.engine === engine)
  if (status !== 'timed') return ['–', ...timingCells(variant), '–', '–', status]
  return [
    String(rank),
    ...timingCells(variant),
    found?.ratio == null ? '1' : formatRatio(found.ratio),
    found?.ci95 ? found.ci95.map(formatRatio).join('–') : '–',
    found?.verdict ?? '–',
  ]
}

const BAR_WIDTH = 40

/** Speed relative to the first: a bar to the low end of the interval, lighter from there to its high end. */
function threadCurve({ ratios, sweep }: SweepAnswer): string {
  const speeds = [
    { engine: sweep.relativeTo ?? '', speed: 1, low: 1, high: 1 },
    ...ratios.flatMap(({ engine, ratio, ci95 }) =>
      ratio === null
        ? []
        : [{ engine, speed: 1 / ratio, low: 1 / (ci95?.[1] ?? ratio), high: 1 / (ci95?.[0] ?? ratio) }],
    ),
  ]
  const scale = BAR_WIDTH / Math.max(...speeds.map(({ high }) => high))
  return formatTable(
    [{ head: 'engine' }, { head: 'speed', ...RIGHT }, { head: '' }],
    speeds.map(({ engine, speed, low, high }) => {
      const solid = Math.round(low * scale)
      return [engine, `${speed.toFixed(2)}×`, '█'.repeat(solid) + '░'.repeat(Math.round(high * scale) - solid)]
    }),
  )
}
