// Finds one upward step in the pace of a comparison: a device that throttles. The pairing cancels it in the ratios; the milliseconds
// of single variants mean different things before and after, so the report splits them there.

import { ascending, median, sortedQuantile } from './quantiles'

export interface Drift {
  /** Index of the first block after the step, among the blocks that count. */
  readonly atBlock: number
  /** Slowdown of the geometric mean over all variants, above 1. */
  readonly factor: number
  /** Median slot value per variant before and after, ms. */
  readonly beforeMs: readonly number[]
  readonly afterMs: readonly number[]
}

/** Fewer blocks than this on one side do not make a step. */
const MIN_SIDE = 5
const MIN_FACTOR = 1.1

/** `slotValuesMs[variant]` holds two values a block, in order. Null without a clear step of at least 10 %. */
export function findDrift(slotValuesMs: readonly (readonly number[])[]): Drift | null {
  const blocks = Math.floor((slotValuesMs[0]?.length ?? 0) / 2)
  const levels = Array.from({ length: blocks }, (_, block) => blockLevel(slotValuesMs, block))
  const atBlock = bestSplit(levels)
  if (atBlock === null) return null
  const before = ascending(levels.slice(0, atBlock))
  const after = ascending(levels.slice(atBlock))
  const factor = Math.exp(sortedQuantile(after, 0.5) - sortedQuantile(before, 0.5))
  // Most blocks after the step must be slower than most before it; otherwise it is noise that a split happened to fit.
  if (factor < MIN_FACTOR || sortedQuantile(after, 0.1) < sortedQuantile(before, 0.9)) return null
  return {
    atBlock,
    factor,
    beforeMs: slotValuesMs.map((values) => median(values.slice(0, 2 * atBlock))),
    afterMs: slotValuesMs.map((values) => median(values.slice(2 * atBlock))),
  }
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
