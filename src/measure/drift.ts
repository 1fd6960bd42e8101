// Finds one upward step in the pace of a comparison: a device that throttles. The pairing cancels it in the ratios; the milliseconds
// of single variants mean different things before and after, so the report splits them there.

import { ascending, sortedQuantile } from './quantiles'

/** A device that became slower during a run (throttling). */
export interface Drift {
  /** Index of the first block after the step, among the blocks that count. */
  readonly atBlock: number
  /** Slow-down of the pace, above 1, of the geometric mean over all variants. */
  readonly factor: number
  /** Which series showed it. */
  readonly seenIn: readonly ('blocks' | 'sentinel')[]
}

/** One timing of a small fixed workload, which has nothing to do with the models. */
export interface SentinelReading {
  readonly atMs: number
  /** Blocks that counted when it was taken. */
  readonly block: number
  /** Time of the fixed workload, ms. */
  readonly ms: number
}

/** Fewer blocks than this on one side do not make a step. */
const MIN_SIDE = 5
const MIN_FACTOR = 1.1

/** `slotValuesMs[variant]` holds two values a block, in order. `sentinel`: in order of time. Null without a clear step. */
export function findDrift(
  slotValuesMs: readonly (readonly number[])[],
  sentinel: readonly SentinelReading[],
): Drift | null {
  const blocks = Math.floor((slotValuesMs[0]?.length ?? 0) / 2)
  const levels = Array.from({ length: blocks }, (_, block) => blockLevel(slotValuesMs, block))
  const atBlock = bestSplit(levels)
  if (atBlock === null) return null
  const before = ascending(levels.slice(0, atBlock))
  const after = ascending(levels.slice(atBlock))
  const factor = Math.exp(sortedQuantile(after, 0.5) - sortedQuantile(before, 0.5))
  // Most blocks after the step must be slower than most before it; otherwise it is noise that a split happened to fit.
  if (factor < MIN_FACTOR || sortedQuantile(after, 0.1) < sortedQuantile(before, 0.9)) return null
  return { atBlock, factor, seenIn: ['blocks'] }
}

function blockLevel(slotValuesMs: readonly (readonly number[])[], block: number): number {
  let sum = 0
  for (const values of slotValuesMs) sum += Math.log(values[2 * block] ?? NaN) + Math.log(values[2 * block + 1] ?? NaN)
  return sum / (2 * slotValuesMs.length)
}

/** The split into two levels with the smallest sum of squares, that is the largest n₁n₂(mean₂ − mean₁)². */
function bestSplit(levels: readonly number[]): number | null {
  const total = levels.reduce((sum, level) => sum + level, 0)
  let best: number | null = null
  let bestGain = 0
  let sum = 0
  levels.forEach((level, block) => {
    const left = block
    const right = levels.length - block
    const rise = (total - sum) / right - sum / left
    sum += level
    if (left < MIN_SIDE || right < MIN_SIDE || rise <= 0) return
    const gain = left * right * rise * rise
    if (gain > bestGain) [best, bestGain] = [block, gain]
  })
  return best
}
