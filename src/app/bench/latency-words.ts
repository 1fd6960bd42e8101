// What happened during a race, as sentences: drift, events, blocks that do not count, retention, sessions opened in turn. Every figure
// comes from the report; nothing is judged here.

import type { LatencyJobResult } from '../../../workers/host/protocol'
import type { DriftPart, DriftReport, LatencyComparison, RunEvent, VoidReason } from '../../measure/latency-comparison'
import { digits, formatBytes } from '../platform/format'

/** `0.481 (0.475 to 0.486)`; without an interval the ratio alone. */
export const ratioText = ({ ratio, ci95 }: Pick<DriftPart['pairs'][number], 'ratio' | 'ci95'>): string =>
  ci95 ? `${digits(ratio)} (${digits(ci95[0])} to ${digits(ci95[1])})` : digits(ratio)

const SEEN_BY = { blocks: 'the models', sentinel: 'the sentinel' } as const

export function driftSentence(
  { factor, atMs, seenIn, parts }: DriftReport,
  figuresFrom: LatencyComparison['figuresFrom'],
): string {
  const what = `The device slowed down by ${(100 * (factor - 1)).toFixed(0)} % after ${digits(atMs / 1000)} s`
  const by = seenIn.map((series) => SEEN_BY[series]).join(' and ')
  const [before, after] = parts.map(({ pairs: [pair] }) => pair && ratioText(pair))
  const figures = figuresFrom === 'before-drift' ? ' Figures in milliseconds are from before.' : ''
  const ratios = before && after ? ` Ratio before ${before}, after ${after}.` : ''
  return `${what} (seen by ${by}).${figures}${ratios}`
}

type Counted = 'stall' | 'gc'
const COUNTED: Readonly<Record<Counted, readonly [one: string, many: string]>> = {
  stall: ['stall', 'stalls'],
  gc: ['garbage collection', 'garbage collections'],
}

/** `2 stalls, 1 garbage collection; nothing was discarded for them.` */
export function eventsSentence(events: readonly RunEvent[]): string {
  const parts = (Object.keys(COUNTED) as Counted[]).flatMap((kind) => {
    const count = events.filter((event) => event.kind === kind).length
    return count === 0 ? [] : [`${count} ${COUNTED[kind][count === 1 ? 0 : 1]}`]
  })
  return parts.length === 0
    ? 'No stalls and no garbage collections were seen.'
    : `${parts.join(', ')}; nothing was discarded for them.`
}

const VOID_REASONS: Readonly<Record<VoidReason, string>> = {
  hidden: 'the page was hidden',
  restarted: 'a late speed-up showed that warm-up was still going on',
  deviceLost: 'the graphics device was lost',
}

/** Null where every block counts. */
export function voidSentence(voidedBlocks: LatencyComparison['voidedBlocks']): string | null {
  const reasons = (Object.keys(VOID_REASONS) as VoidReason[]).filter((reason) => voidedBlocks[reason] > 0)
  if (reasons.length === 0) return null
  const parts = reasons.map((reason) => `${blocks(voidedBlocks[reason])} because ${VOID_REASONS[reason]}`)
  return `Not counted: ${parts.join('; ')}. They stay in the record.`
}

/** Null where both sessions were open at once. */
export function sessionsSentence({ open, neededBytes, capBytes }: LatencyJobResult['sessions']): string | null {
  if (open === 'together') return null
  const cap = capBytes === null ? '' : `, and a page may use ${formatBytes(capBytes)} here`
  return `Sessions were opened in turn for every slot: together they need about ${formatBytes(neededBytes)}${cap}.`
}

/** `10 blocks`, `1 block`. */
export const blocks = (count: number): string => `${count} ${count === 1 ? 'block' : 'blocks'}`
