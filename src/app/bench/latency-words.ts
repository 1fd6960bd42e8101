// A race as sentences for the page, beyond what `measure/race-text.ts` says for both faces. Every figure comes from the report; nothing
// is judged here.

import type { LatencyJobResult } from '../../../workers/host/protocol'
import type { LatencyComparison } from '../../measure/latency-comparison'
import { digits } from '../platform/format'

type Pair = LatencyComparison['pairs'][number]

const STOPS: Readonly<Record<Pair['stopped'], string>> = {
  clear: 'the answer was clear',
  same: 'the two were the same',
  budget: 'the time was up',
}

/** What the ratio is, what it rests on, and why timing stopped. */
export const ratioSentence = ({ ratio, ci95, blocks, stopped }: Pair): string =>
  ci95
    ? `Variant ÷ original is ${digits(ratio)}, 95 % interval ${intervalText(ci95)}, from ${blockCount(blocks)} in random order; stopped because ${STOPS[stopped]}.`
    : `${blockCount(blocks)} ${blocks === 1 ? 'is' : 'are'} too few for an interval (10 are needed): measure longer.`

/** `0.475 to 0.483` */
export const intervalText = ([low, high]: readonly [number, number]): string => `${digits(low)} to ${digits(high)}`

const blockCount = (count: number): string => `${count} ${count === 1 ? 'block' : 'blocks'}`

/** How the interval lies to what may be claimed. */
export function blocksSentence({ ci95, verdict }: Pair, margin: number): string {
  if (!ci95) return 'Fewer than ten blocks give no interval, so nothing is claimed.'
  const interval = `The last interval, ${intervalText(ci95)},`
  const same = `${percent(margin)} %`
  switch (verdict) {
    case 'faster':
      return `${interval} lies wholly below ${digits(1 - margin / 2)}, and the estimate is more than ${same} below 1: faster.`
    case 'slower':
      return `${interval} lies wholly above ${digits(1 + margin / 2)}, and the estimate is more than ${same} above 1: slower.`
    case 'same':
      return `${interval} lies inside 1 ± ${same}: the same.`
    case 'undecided':
      return `${interval} neither lies inside 1 ± ${same} nor clear of it: undecided.`
    default:
      return verdict satisfies never
  }
}

/** A fraction as percent without needless zeros: 0.02 → `2`, 0.025 → `2.5`. */
export const percent = (fraction: number): string => String(Number((100 * fraction).toPrecision(2)))

/** Stands wherever a speed stands that was timed so. Empty for end to end, which is the usual. */
export const residencyNote = ({ residency }: Pick<LatencyJobResult, 'residency'>): string =>
  residency === 'gpu' ? 'GPU-resident: without upload and readback' : ''
