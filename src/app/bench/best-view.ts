// “Best for this device” as the page shows it: one row per candidate, from what is expected of it to why it won or lost. Plain data.

import { lossSentence } from '../../advisor/best-text'
import type { BestEntry, Standing } from '../../advisor/judge-best'
import type { PairComparison } from '../../measure/latency-comparison'
import { formatPercent } from '../platform/format'
import type { BestContender, BestRecord } from './best-record'
import { bestEntries, type BestStage } from './best-run'

export interface BestRow {
  readonly name: string
  readonly label: string
  /** Why it is raced. */
  readonly why: string
  /** A hypothesis: time ÷ that of the original, `0.62`. */
  readonly expected: string
  /** File ÷ file of the original, as expected until it is built. */
  readonly size: { readonly ratio: number; readonly bytes: number | null }
  readonly time: Pick<PairComparison, 'ratio' | 'ci95' | 'blocks'> | null
  readonly answers: string
  /** How far it has come, until there is a verdict. */
  readonly place: Standing['place'] | 'waiting' | 'built' | 'checked'
  /** Why it did not win. */
  readonly reason: string | null
}

/** In the order of the advice: candidates that are not built yet, too. */
export function bestRows(record: BestRecord): readonly BestRow[] {
  const entries = new Map(bestEntries(record).map((entry) => [entry.name, entry]))
  const contenders = new Map(record.contenders.map((contender) => [contender.candidate.name, contender]))
  const standings = record.verdict?.standings ?? []
  const labelOf = (name: string): string => standings.find((one) => one.name === name)?.label ?? name
  return (record.advice?.candidates ?? []).map((candidate) => {
    const { name, label, why, expectedRatio, expectedSizeRatio } = candidate
    const contender = contenders.get(name)
    const standing = standings.find((one) => one.name === name)
    const place = (record.raced ?? []).indexOf(name)
    return {
      ...{ name, label, why, expected: expectedRatio === null ? 'not known' : expectedRatio.toFixed(2) },
      size: {
        ratio: entries.get(name)?.sizeRatio ?? expectedSizeRatio,
        bytes: contender?.compression?.summary.sizeBytes ?? null,
      },
      time: (place < 0 ? undefined : record.latency?.comparison.pairs[place]) ?? null,
      answers: answersText(contender, entries.get(name)),
      place: standing?.place ?? progressOf(contender),
      reason: standing?.reason ? lossSentence(standing.reason, labelOf) : (contender?.failure ?? null),
    }
  })
}

function progressOf(contender: BestContender | undefined): BestRow['place'] {
  if (!contender) return 'waiting'
  return contender.check ? 'checked' : 'built'
}

const points = (fraction: number): string => {
  const text = Math.abs(100 * fraction).toFixed(1)
  return Number(text) === 0 ? text : `${fraction < 0 ? '−' : '+'}${text}`
}

/** The strongest thing that is known of its answers, with n. */
function answersText(contender: BestContender | undefined, entry: BestEntry | undefined): string {
  if (entry?.accuracy) {
    const { difference, ci95 } = entry.accuracy
    const n = contender?.accuracy?.measured ?? 0
    return `${points(difference)} points (${ci95.map(points).join(' to ')}), n = ${n}`
  }
  if (entry?.agreement) return `${formatPercent(entry.agreement.agreement)} same class, n = ${entry.agreement.n}`
  const fidelity = contender?.fidelity?.fidelity
  if (!fidelity) return '–'
  const worst = Math.min(
    ...fidelity.outputs.map(({ sqnrDb, isIdentical }) => (isIdentical ? Infinity : (sqnrDb ?? -Infinity))),
  )
  const text = worst === Infinity ? 'identical' : Number.isFinite(worst) ? `${worst.toFixed(1)} dB` : 'not comparable'
  return `${text}, n = ${fidelity.samples}`
}

/** Parts of the whole that the stages take, about. */
const SHARES: Readonly<Record<BestStage, number>> = {
  ...{ engine: 0.02, probe: 0.13, build: 0.25, check: 0.1, latency: 0.4, accuracy: 0.1 },
}

/** 0…1 of the whole, from 0…1 of a stage. */
export function wholeOf(stage: BestStage, fraction: number): number {
  const stages = Object.keys(SHARES) as BestStage[]
  const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, one) => sum + SHARES[one], 0)
  return before + SHARES[stage] * fraction
}

export const BEST_STAGE_NAMES: Readonly<Record<BestStage, string>> = {
  engine: 'Starting the engine',
  probe: 'Probing operators',
  build: 'Building candidates',
  check: 'Checking that this engine computes them right',
  latency: 'Racing',
  accuracy: 'Comparing answers',
}
