// The answer of `lathe bench` for a person: where, how fast, and what may be claimed.

import type { EnvironmentRecord } from '../../engines/environment-record'
import { describeFaultSite } from '../../measure/fault-site'
import { formatMs, formatRatio } from '../format-number'
import { formatTable, type Column } from '../table'
import type { BenchRatio, BenchVariant } from './measure-bench'

interface BenchAnswer {
  readonly environments: readonly EnvironmentRecord[]
  readonly variants: readonly BenchVariant[]
  readonly ratios: readonly BenchRatio[]
  readonly selfChecks: readonly BenchRatio[]
  readonly inputs: {
    readonly source: string
    readonly isSynthetic: boolean
    readonly freeDimensions: Readonly<Record<string, number>>
  }
  readonly settings: { readonly margin: number }
  readonly warnings: readonly string[]
}

export function describeBench({
  environments,
  variants,
  ratios,
  selfChecks,
  inputs,
  settings,
  warnings,
}: BenchAnswer): string {
  const { margin } = settings
  return [
    environments.map(describeEnvironment).join('\n'),
    describeInputs(inputs),
    formatTable(VARIANT_COLUMNS, variants.map(variantRow)),
    ...ratios.map((ratio) => describeRatio(ratio, margin)),
    ...selfChecks.map((ratio) => `Against a second session of itself: ${describeClaim(ratio, margin)}.`),
    ...variants.flatMap(describeFailure),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n\n')
}

const RIGHT = { align: 'right' } as const
const VARIANT_COLUMNS: readonly Column[] = [
  { head: 'file' },
  { head: 'engine' },
  { head: 'check' },
  { head: 'load', ...RIGHT },
  { head: 'session', ...RIGHT },
  { head: 'first run', ...RIGHT },
  { head: 'median', ...RIGHT },
  { head: 'quartiles', ...RIGHT },
  { head: 'p90', ...RIGHT },
  { head: 'n', ...RIGHT },
  { head: 'same first class', ...RIGHT },
]

function variantRow(variant: BenchVariant): readonly string[] {
  const { file, engine, kernelCheck, loadMs, sessionMs, firstRunMs, medianMs, q1Ms, q3Ms, p90Ms, n, fidelity } = variant
  const agreement = fidelity?.topOneAgreement ?? null
  return [
    file,
    engine,
    kernelCheck.ok ? 'right' : 'wrong',
    ...[loadMs, sessionMs, firstRunMs, medianMs].map(orDash),
    q1Ms === null || q3Ms === null ? '–' : `${formatMs(q1Ms)}…${formatMs(q3Ms)}`,
    orDash(p90Ms),
    String(n),
    fidelity === null || agreement === null
      ? '–'
      : `${Math.round(agreement * fidelity.samples)} of ${fidelity.samples}`,
  ]
}

const orDash = (ms: number | null): string => (ms === null ? '–' : formatMs(ms))

export function describeEnvironment({ engine, where, browser, timerStepMs }: EnvironmentRecord): string {
  const threads = engine.threads === 1 ? '1 thread' : `${engine.threads} threads`
  const gpu = engine.adapter ? `, ${engine.adapter.vendor} ${engine.adapter.architecture}` : ''
  const step = `timer step ${timerStepMs.toPrecision(2)} ms`
  return `In ${where === 'node' ? '' : 'this browser, '}${browser}: ${engine.id} (${engine.runtime}, ${engine.build}, ${threads}${gpu}), ${step}.`
}

function describeInputs({ source, isSynthetic, freeDimensions }: BenchAnswer['inputs']): string {
  if (!isSynthetic) return `Inputs: ${source}.`
  const sizes = Object.entries(freeDimensions).map(([name, size]) => `${name} = ${size}`)
  return `Inputs: synthetic, seeded${sizes.length > 0 ? `, with ${sizes.join(', ')}` : ''}.`
}

const describeRatio = (ratio: BenchRatio, margin: number): string =>
  `${ratio.b} ÷ ${ratio.a} on ${ratio.engine}: ${describeClaim(ratio, margin)}.`

function describeClaim({ ratio, ci95, verdict, stopped, blocks, looks, restarts }: BenchRatio, margin: number): string {
  if (verdict === 'wrong') return 'wrong answers, so no speed is shown'
  if (ratio === null) return 'not timed'
  const interval = ci95 ? `95 % CI ${formatRatio(ci95[0])}–${formatRatio(ci95[1])}` : 'too few blocks for an interval'
  const said = {
    faster: 'faster',
    slower: 'slower',
    same: `the same within ${Number((margin * 100).toPrecision(3))} %`,
    undecided: 'undecided, measure longer',
  }[verdict]
  const warmedAgain = restarts > 0 ? `, ${restarts} restarts after a late speed-up` : ''
  return `ratio ${formatRatio(ratio)} (${interval}), ${said}; ${blocks} blocks, ${looks} looks, stopped: ${stopped}${warmedAgain}`
}

function describeFailure({ file, engine, kernelCheck, faultSite }: BenchVariant): readonly string[] {
  const outputs = kernelCheck.outputs
    .filter(({ ok }) => !ok)
    .map(({ name, reason, maxAbs, tolerance }) => {
      const size =
        maxAbs === null ? '' : `, off by ${maxAbs.toPrecision(3)} where ${tolerance.toPrecision(3)} is allowed`
      return `${file} on ${engine}: output "${name}" is ${reason}${size}.`
    })
  return faultSite ? [...outputs, `${file} on ${engine}: ${describeFaultSite(faultSite)}.`] : outputs
}
