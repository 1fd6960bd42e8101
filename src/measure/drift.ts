// Finds where a device became slower during a comparison (throttling). The pairing cancels it in the ratios; the milliseconds of
// single variants mean different things before and after, so the report splits them there. A step down is no throttling, and slow-
// downs below 5 % are left alone.

import { cusum } from './cusum'
import { median } from './quantiles'
import { criticalT } from './student-t'

/** A device that became slower during a run (throttling). */
export interface Drift {
  /** Index of the first block after the step, among the blocks that count; at least one block lies on either side. */
  readonly atBlock: number
  /** Slow-down of the pace, above 1, of the geometric mean over all variants; of the sentinel where only that saw it. */
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

/** Where a series of log times rises, and by how much. */
interface Rise {
  readonly at: number
  readonly log: number
}

/** Fewer blocks than this on one side do not make a step, nor fewer readings. */
const MIN_SIDE = { blocks: 5, sentinel: 3 }
const MIN_RISE = Math.log(1.1)
/** Of calling noise a step, over all places where it might be. */
const STEP_ERROR = 0.02
/** Page's test is tuned to the same rise: the allowance is half of it. */
const ALLOWANCE = MIN_RISE / 2
const CUSUM_ERROR = 0.003
/** Page's test needs a reference, the first quarter, that is known well. */
const MIN_REFERENCE = 10
/** Neighbours that are averaged so that what is left between averages is nearly uncorrelated. */
const BATCH = 5
/** Of the median absolute deviation, to a standard deviation. */
const NORMAL_SD = 1.4826

/**
 * `slotValuesMs[variant]` holds two values a block, in order; `sentinel` is in order of time. Null without a step of 10 % or more, or a
 * stay above 5 % for so long that noise does not explain it. Changes of clock frequency that the device makes by itself are real.
 */
export function findDrift(
  slotValuesMs: readonly (readonly number[])[],
  sentinel: readonly SentinelReading[],
): Drift | null {
  const blocks = Math.floor((slotValuesMs[0]?.length ?? 0) / 2)
  const levels = Array.from({ length: blocks }, (_, block) => blockLevel(slotValuesMs, block))
  const readings = sentinel.map(({ ms }) => Math.log(ms))
  const inBlocks = findRise(levels, MIN_SIDE.blocks)
  const inSentinel = findRise(readings, MIN_SIDE.sentinel)
  if (inBlocks) {
    const split = sentinel.filter(({ block }) => block < inBlocks.at).length
    const isSeenTwice = inSentinel !== null || medianRise(readings, split) > MIN_RISE
    return {
      atBlock: inBlocks.at,
      factor: Math.exp(inBlocks.log),
      seenIn: isSeenTwice ? ['blocks', 'sentinel'] : ['blocks'],
    }
  }
  if (!inSentinel || blocks < 2) return null
  const atBlock = Math.min(Math.max(sentinel[inSentinel.at]?.block ?? 1, 1), blocks - 1)
  return { atBlock, factor: Math.exp(inSentinel.log), seenIn: ['sentinel'] }
}

/** Mean log time of a block over all variants. */
function blockLevel(slotValuesMs: readonly (readonly number[])[], block: number): number {
  let sum = 0
  for (const values of slotValuesMs) sum += Math.log(values[2 * block] ?? NaN) + Math.log(values[2 * block + 1] ?? NaN)
  return sum / (2 * slotValuesMs.length)
}

function findRise(values: readonly number[], minSide: number): Rise | null {
  const levels = withoutSpikes(values)
  return findStep(levels, minSide) ?? findStay(levels)
}

/** Draws single spikes in to what their neighbours allow. Noise is measured between neighbours, so that a step does not widen it. */
function withoutSpikes(values: readonly number[]): readonly number[] {
  const reach = 2.5 * neighbourSd(values)
  return values.map((value, index) => {
    const middle = median(values.slice(Math.max(index - 2, 0), index + 3))
    return Math.min(Math.max(value, middle - reach), middle + reach)
  })
}

function neighbourSd(values: readonly number[]): number {
  const jumps = values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? NaN)))
  return jumps.length === 0 ? 0 : (NORMAL_SD * median(jumps)) / Math.SQRT2
}

/**
 * The upward split into two levels with the smallest sum of squares, where both its means and its medians differ by more than 10 %
 * and a t test over all places would not put it down to noise.
 */
function findStep(levels: readonly number[], minSide: number): Rise | null {
  const at = bestSplit(levels, minSide)
  if (at === null) return null
  const [before, after] = [levels.slice(0, at), levels.slice(at)]
  const [low, high] = [mean(before), mean(after)]
  const squares =
    before.reduce((sum, x) => sum + (x - low) ** 2, 0) + after.reduce((sum, x) => sum + (x - high) ** 2, 0)
  const standardError = Math.sqrt((squares / (levels.length - 2)) * (1 / before.length + 1 / after.length))
  const places = levels.length - 2 * minSide + 1
  const needed = Math.max(MIN_RISE, criticalT(levels.length - 2, 1 - STEP_ERROR / places) * standardError)
  const log = medianRise(levels, at)
  return high - low > needed && log > MIN_RISE ? { at, log } : null
}

function bestSplit(levels: readonly number[], minSide: number): number | null {
  const total = levels.reduce((sum, level) => sum + level, 0)
  let best: number | null = null
  let bestGain = 0
  let sum = 0
  levels.forEach((level, index) => {
    const left = index
    const right = levels.length - index
    const rise = (total - sum) / right - sum / left
    sum += level
    if (left < minSide || right < minSide || rise <= 0) return
    const gain = left * right * rise * rise
    if (gain > bestGain) [best, bestGain] = [index, gain]
  })
  return best
}

/**
 * Page's test against the level of the first quarter: sees what is no single step, as a slow ramp or a slow-down that ends again. The
 * limit follows from the variance of sums, which autocorrelation makes larger than that of single values.
 */
function findStay(levels: readonly number[]): Rise | null {
  const reference = levels.slice(0, Math.max(MIN_REFERENCE, Math.floor(levels.length / 4)))
  if (levels.length < 2 * reference.length) return null
  const sd = longRunSd(levels)
  // The reference is not known exactly, and what it is too low by counts in every block.
  const margin = ALLOWANCE - (2 * sd) / Math.sqrt(reference.length)
  if (margin <= 0) return null
  const limit = ((sd * sd) / (2 * margin)) * Math.log(levels.length / CUSUM_ERROR)
  const target = median(reference)
  const sums = cusum(
    levels.map((level) => level - target),
    ALLOWANCE,
  )
  const alarm = sums.findIndex((sum) => sum > Math.max(limit, MIN_SIDE.blocks * ALLOWANCE))
  const at = sums.lastIndexOf(0, alarm) + 1
  if (alarm < 0 || at < MIN_SIDE.blocks) return null
  // Where the device recovered later, the sum falls again from the moment on.
  const risen = sums.slice(at)
  const zero = risen.indexOf(0)
  const stay = zero < 0 ? risen : risen.slice(0, zero)
  const end = at + stay.indexOf(Math.max(...stay)) + 1
  return { at, log: median(levels.slice(at, end)) - median(levels.slice(0, at)) }
}

/** Root of the variance of a sum per value summed, from means of neighbours; of few such means no less than of single values. */
function longRunSd(levels: readonly number[]): number {
  const batches = Array.from({ length: Math.floor(levels.length / BATCH) }, (_, index) =>
    mean(levels.slice(index * BATCH, (index + 1) * BATCH)),
  )
  return Math.max(neighbourSd(batches) * Math.sqrt(BATCH), neighbourSd(levels))
}

const medianRise = (values: readonly number[], at: number): number =>
  median(values.slice(at)) - median(values.slice(0, at))

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
