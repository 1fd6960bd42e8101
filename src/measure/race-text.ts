// What happened during a race, as sentences for both faces: drift, events, blocks that do not count, retention. Every figure comes from
// the report; nothing is judged here.

import type { DriftPart, DriftReport, LatencyComparison, Retention, RunEvent, VoidReason } from './latency-comparison'

/** How often each kind of event was seen. */
export type EventCounts = Readonly<Record<RunEvent['kind'], number>>

export function countEvents(events: readonly RunEvent[]): EventCounts {
  const counts = { stall: 0, hidden: 0, gc: 0, 'late-speed-up': 0, 'device-lost': 0 }
  for (const { kind } of events) counts[kind]++
  return counts
}

const SEEN_BY = { blocks: 'the models', sentinel: 'the sentinel' } as const

/** `The device slowed down by 18 % after 7.04 s (seen by the models and the sentinel). …` */
export function driftSentence(
  { factor, atMs, seenIn, parts }: DriftReport,
  figuresFrom: LatencyComparison['figuresFrom'],
): string {
  const after = Number.isFinite(atMs) ? ` after ${digits(atMs / 1000)} s` : ''
  const what = `The device slowed down by ${(100 * (factor - 1)).toFixed(0)} %${after}`
  const by = seenIn.map((series) => SEEN_BY[series]).join(' and ')
  const figures = figuresFrom === 'before-drift' ? ' Figures in milliseconds are from before.' : ''
  const ratios = parts.every(({ blocks }) => blocks > 0)
    ? ` Ratio before ${parts.map(({ pairs }) => pairs.map(ratioText).join(' and ')).join(', after ')}.`
    : ''
  return `${what} (seen by ${by}).${figures}${ratios}`
}

/** `0.481 (0.475 to 0.486)`; without an interval the ratio alone. */
const ratioText = ({ ratio, ci95 }: DriftPart['pairs'][number]): string =>
  ci95 ? `${digits(ratio)} (${digits(ci95[0])} to ${digits(ci95[1])})` : digits(ratio)

/** `2 stalls, 1 garbage collection; nothing was discarded for them.` `seesGarbage`: false where nothing watched for collections. */
export function eventsSentence({ stall, gc }: Pick<EventCounts, 'stall' | 'gc'>, seesGarbage = true): string {
  if (stall + gc === 0) return `No stalls ${seesGarbage ? 'and no garbage collections ' : ''}were seen.`
  const parts = [...(stall > 0 ? [count(stall, 'stall')] : []), ...(gc > 0 ? [count(gc, 'garbage collection')] : [])]
  return `${parts.join(', ')}; nothing was discarded for them.`
}

const VOID_REASONS: Readonly<Record<VoidReason, string>> = {
  hidden: 'the page was hidden',
  restarted: 'a late speed-up showed that warm-up was still going on',
  deviceLost: 'the graphics device was lost',
}

/** Null where every block counts. */
export function voidSentence(voidedBlocks: LatencyComparison['voidedBlocks']): string | null {
  const parts = (['hidden', 'restarted', 'deviceLost'] as const).flatMap((reason) =>
    voidedBlocks[reason] > 0 ? [`${count(voidedBlocks[reason], 'block')} because ${VOID_REASONS[reason]}`] : [],
  )
  return parts.length === 0 ? null : `Not counted: ${parts.join('; ')}. They stay in the record.`
}

interface SessionsOpened {
  readonly open: 'together' | 'in-turn'
  readonly neededBytes: number
  readonly capBytes: number | null
}

/** Null where all sessions were open at once. */
export function sessionsSentence(
  { open, neededBytes, capBytes }: SessionsOpened,
  formatBytes: (bytes: number) => string,
): string | null {
  if (open === 'together') return null
  const cap = capBytes === null ? '' : `, and a page may use ${formatBytes(capBytes)} here`
  return `Sessions were opened in turn for every slot: together they need about ${formatBytes(neededBytes)}${cap}.`
}

/** `Speed kept over the run: a 97 %, b 96 % (the sentinel 98 %).` */
export function retentionSentence({ windowMs, variants, sentinel }: Retention, names: readonly string[]): string {
  const kept = variants.map(({ retention }, index) => `${names[index] ?? ''} ${percent(retention)}`).join(', ')
  const device = sentinel === null ? '' : ` (the sentinel ${percent(sentinel)})`
  const seconds = windowMs / 1000
  return `Speed kept, last ${seconds} s against the first ${seconds} s: ${kept}${device}.`
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(0)} %`
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
/** Three significant digits, never an exponent. */
const digits = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))
