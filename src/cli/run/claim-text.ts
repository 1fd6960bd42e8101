// One claim of `lathe bench` in words: a ratio with its interval and verdict, or why there is none.

import type { EngineCheck, OutputCheck } from '../../measure/engine-check'
import { describeFaultSite } from '../../measure/fault-site'
import { formatRatio } from '../format-number'
import type { BenchRatio, BenchVariant } from './bench-result'

export const describeRatio = (ratio: BenchRatio): string =>
  `${ratio.b} ÷ ${ratio.a} on ${ratio.engine}: ${describeClaim(ratio)}.`

function describeClaim({ ratio, ci95, verdict, stopped, margin, blocks, looks, restarts }: BenchRatio): string {
  if (verdict === 'wrong') return 'wrong answers, so no speed is shown'
  if (ratio === null) return 'not timed'
  const interval = ci95 ? `95 % CI ${formatRatio(ci95[0])}–${formatRatio(ci95[1])}` : 'too few blocks for an interval'
  const said = {
    faster: 'faster',
    slower: 'slower',
    same: `the same within ${Number((margin * 100).toPrecision(3))} %`,
    undecided: 'undecided, measure longer',
  }[verdict]
  const warmedAgain = restarts > 0 ? `, ${count(restarts, 'restart')} after a late speed-up` : ''
  const rests = `${count(blocks, 'block')}, ${count(looks, 'look')}`
  return `ratio ${formatRatio(ratio)} (${interval}), ${said}; ${rests}, stopped: ${stopped}${warmedAgain}`
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

/** What is wrong with a file's answers, where, and where it starts; nothing for one that is right. */
export function describeFailure({ file, engine, kernelCheck, faultSite }: BenchVariant): readonly string[] {
  const outputs = failing(kernelCheck).map((output) => `${file} on ${engine}: ${describeOutput(output)}.`)
  return faultSite ? [...outputs, `${file} on ${engine}: ${describeFaultSite(faultSite)}.`] : outputs
}

const failing = ({ outputs }: EngineCheck): readonly OutputCheck[] => outputs.filter(({ ok }) => !ok)

function describeOutput({ name, reason, maxAbs, tolerance, worst }: OutputCheck): string {
  const size = maxAbs === null ? '' : `, off by ${maxAbs.toPrecision(3)} where ${tolerance.toPrecision(3)} is allowed`
  const place = worst
    ? `; worst at [${worst.position.join(', ')}] of input ${worst.sample}: ${worst.candidate}, the reference says ${worst.reference}`
    : ''
  return `output "${name}" is ${reason}${size}${place}`
}
