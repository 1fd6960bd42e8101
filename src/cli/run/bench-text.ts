// The answer of `lathe bench` for a person: where, how fast, what may be claimed, and what happened meanwhile.

import type { EnvironmentRecord } from '../../engines/environment-record'
import { selfCheckText } from '../../measure/self-check-text'
import type { SelfCheck } from '../../measure/self-check'
import { formatMs } from '../format-number'
import { formatTable, type Column } from '../table'
import type { BenchRace } from './bench-race'
import type { BenchRatio, BenchVariant } from './bench-result'
import { describeFailure, describeRatio } from './claim-text'
import { describeEvents } from './race-events-text'
import { orDash, RIGHT, TIMING_COLUMNS, timingCells } from './timing-columns'

export interface BenchAnswer {
  readonly environments: readonly EnvironmentRecord[]
  readonly variants: readonly BenchVariant[]
  readonly ratios: readonly BenchRatio[]
  readonly races: readonly BenchRace[]
  readonly selfChecks: readonly EngineSelfCheck[]
  readonly inputs: BenchInputs
  readonly warnings: readonly string[]
}

export interface EngineSelfCheck extends SelfCheck {
  readonly engine: string
  /** The file that was raced against itself. */
  readonly file: string
}

export interface BenchInputs {
  readonly source: string
  readonly isSynthetic: boolean
  readonly freeDimensions: Readonly<Record<string, number>>
}

export function describeBench(answer: BenchAnswer): string {
  const { environments, variants, ratios, races, selfChecks, inputs, warnings } = answer
  return [
    environments.map(describeEnvironment).join('\n'),
    describeInputs(inputs),
    formatTable(VARIANT_COLUMNS, variants.map(variantRow)),
    ...ratios.map(describeRatio),
    ...races.map(describeEvents),
    ...selfChecks.map(describeSelfCheck),
    ...variants.flatMap(describeFailure),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n\n')
}

const VARIANT_COLUMNS: readonly Column[] = [
  { head: 'file' },
  ...TIMING_COLUMNS,
  { head: 'quartiles', ...RIGHT },
  { head: 'p90', ...RIGHT },
  { head: 'n', ...RIGHT },
  { head: 'same first class', ...RIGHT },
]

function variantRow(variant: BenchVariant): readonly string[] {
  const { file, q1Ms, q3Ms, p90Ms, n, fidelity } = variant
  const agreement = fidelity?.topOneAgreement ?? null
  return [
    file,
    ...timingCells(variant),
    q1Ms === null || q3Ms === null ? '–' : `${formatMs(q1Ms)}…${formatMs(q3Ms)}`,
    orDash(p90Ms),
    String(n),
    fidelity === null || agreement === null
      ? '–'
      : `${Math.round(agreement * fidelity.samples)} of ${fidelity.samples}`,
  ]
}

export function describeEnvironment({ engine, where, browser, timerStepMs }: EnvironmentRecord): string {
  const threads = engine.threads === 1 ? '1 thread' : `${engine.threads} threads`
  const gpu = engine.adapter ? `, ${engine.adapter.vendor} ${engine.adapter.architecture}` : ''
  const step = `timer step ${timerStepMs.toPrecision(2)} ms`
  return `In ${where === 'node' ? '' : 'this browser, '}${browser}: ${engine.id} (${engine.runtime}, ${engine.build}, ${threads}${gpu}), ${step}.`
}

export function describeInputs({ source, isSynthetic, freeDimensions }: BenchInputs): string {
  if (!isSynthetic) return `Inputs: ${source}.`
  const sizes = Object.entries(freeDimensions).map(([name, size]) => `${name} = ${size}`)
  return `Inputs: synthetic, seeded${sizes.length > 0 ? `, with ${sizes.join(', ')}` : ''}.`
}

function describeSelfCheck({ engine, file, ...check }: EngineSelfCheck): string {
  const { headline, sentences } = selfCheckText(check)
  return [`Self-check of ${engine} on ${file}: ${headline}`, ...sentences.map((sentence) => `  ${sentence}`)].join('\n')
}
