// What a study keeps of one comparison: every figure that a sceptic would ask for, without the samples.

import type { LatencyComparison, RunEvent } from '../../src/measure/latency-comparison'
import type { LatencyVerdict } from '../../src/measure/pair-test'

export interface RaceRow {
  readonly verdict: LatencyVerdict
  readonly ratio: number
  readonly ci95: readonly [number, number] | null
  /** That the verdict rests on, and what the budget had room for. */
  readonly blocks: number
  readonly plannedBlocks: number | null
  readonly looks: number
  /** Standard deviation of the blocks' differences, as a fraction. */
  readonly spread: number
  readonly medianMs: readonly number[]
  readonly restarts: number
  readonly voidedBlocks: number
  readonly events: Readonly<Partial<Record<RunEvent['kind'], number>>>
  readonly drift: {
    readonly atBlock: number
    readonly factor: number
    readonly seenIn: readonly string[]
    readonly parts: readonly { readonly blocks: number; readonly medianMs: readonly number[]; readonly ratio: number }[]
  } | null
  readonly seconds: number
}

/** Of the first pair. */
export function raceRow(comparison: LatencyComparison): RaceRow {
  const { variants, pairs, restarts, voidedBlocks, plannedBlocks, drift, warmUpMs, samplingMs } = comparison
  const [pair] = pairs
  if (!pair) throw new Error('A race of one contender has no pair.')
  const { verdict, ratio, ci95, blocks, looks, blockDifferences } = pair
  const events: Partial<Record<RunEvent['kind'], number>> = {}
  for (const { kind } of comparison.events) events[kind] = (events[kind] ?? 0) + 1
  return {
    ...{ verdict, ratio, ci95, blocks, plannedBlocks, looks },
    spread: standardDeviation(blockDifferences),
    medianMs: variants.map(({ medianMs }) => medianMs),
    restarts,
    voidedBlocks: Object.values(voidedBlocks).reduce((sum, count) => sum + count, 0),
    events,
    drift: drift && {
      ...{ atBlock: drift.atBlock, factor: drift.factor, seenIn: drift.seenIn },
      parts: drift.parts.map((part) => ({
        ...{ blocks: part.blocks, medianMs: part.medianMs },
        ratio: part.pairs[0]?.ratio ?? NaN,
      })),
    },
    seconds: (warmUpMs + samplingMs) / 1000,
  }
}

function standardDeviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

export const isClaim = ({ verdict }: RaceRow): boolean => verdict === 'faster' || verdict === 'slower'

export const covers = ({ ci95 }: RaceRow, truth: number): boolean =>
  ci95 !== null && ci95[0] <= truth && truth <= ci95[1]
