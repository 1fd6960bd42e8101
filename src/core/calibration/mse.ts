// The range of least mean squared error when what it holds is rounded to integers and the rest is clipped: the trade-off of OCTAV (Sakr et
// al., "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware Training", ICML 2022), over a histogram and
// with a bound of its own at each end. Every edge is tried as a bound, then OCTAV's iteration moves the best ones between the edges.

import type { Histogram } from './histogram'
import { clampRange, type Range } from './ranges'

export interface MseOptions {
  /** Number of integers that the range is divided into: 256 for 8 bits. */
  readonly levels: number
  /** Zero stays in the middle, also where that makes the range wider than the data. */
  readonly isSymmetric: boolean
}

/** `histogram` is signed. The range is never wider than the data, unless symmetric. Float32 values. */
export function mseRange(histogram: Histogram, { levels, isSymmetric }: MseOptions): Range {
  const error = new ClippingError(histogram, levels)
  const { range, edges } = histogram
  // Integers always represent zero, so a range that leaves it out gains nothing.
  const reach: Range = [Math.min(range[0], 0), Math.max(range[1], 0)]
  const within = edges.filter((edge) => edge > reach[0] && edge < reach[1] && edge !== 0)
  const best = isSymmetric ? bestSymmetric(error, within, reach) : bestRange(error, within, reach)
  const [min, max] = sharpen(error, best, isSymmetric)
  const bounds: Range = [Math.fround(min), Math.fround(max)]
  return isSymmetric ? bounds : clampRange(bounds, range)
}

function bestSymmetric(error: ClippingError, edges: Float32Array, reach: Range): Range {
  const bounds = [...Float32Array.from(edges, Math.abs), Math.max(-reach[0], reach[1])]
  return error.least(bounds.map((bound): Range => [-bound, bound]))
}

/** The best upper bound for the lower one, the best lower one for that, and on until neither moves: each turn lowers the error. */
function bestRange(error: ClippingError, edges: Float32Array, reach: Range): Range {
  const lower = [...edges.filter((edge) => edge < 0)]
  const upper = [...edges.filter((edge) => edge > 0)]
  let best = reach
  for (;;) {
    const [min] = best
    const [, max] = error.least([best, ...upper.map((bound): Range => [min, bound]), [min, reach[1]]])
    const next = error.least([[min, max], ...lower.map((bound): Range => [bound, max]), [reach[0], max]])
    if (error.of(next) >= error.of(best)) return best
    best = next
  }
}

const MAX_STEPS = 20

/** OCTAV's fixed-point iteration, as long as it helps. */
function sharpen(error: ClippingError, range: Range, isSymmetric: boolean): Range {
  let best = range
  for (let step = 0; step < MAX_STEPS; step++) {
    const next = isSymmetric ? error.nextSymmetric(best) : error.next(best)
    if (!(error.of(next) < error.of(best))) return best
    best = next
  }
  return best
}

/** Sums over the middles of the bins, from which the error of any range follows at once. */
class ClippingError {
  readonly #first: number
  readonly #width: number
  readonly #counts: Float64Array
  /** Over the bins before each one: how many values, their sum, the sum of their squares. */
  readonly #count: Float64Array
  readonly #sum: Float64Array
  readonly #square: Float64Array
  /** Δ² / 12 of a range of width 1. */
  readonly #rounding: number

  constructor({ edges, counts }: Histogram, levels: number) {
    const bins = counts.length
    this.#first = edges[0] as number
    this.#width = ((edges[bins] as number) - this.#first) / bins
    this.#counts = counts
    const middle = (bin: number): number => this.#first + (bin + 0.5) * this.#width
    this.#count = sumsBefore(bins, (bin) => counts[bin] as number)
    this.#sum = sumsBefore(bins, (bin) => (counts[bin] as number) * middle(bin))
    this.#square = sumsBefore(bins, (bin) => (counts[bin] as number) * middle(bin) ** 2)
    this.#rounding = 1 / (12 * (levels - 1) ** 2)
  }

  least(ranges: readonly Range[]): Range {
    return ranges.reduce((best, range) => (this.of(range) < this.of(best) ? range : best))
  }

  /** Sum of squared errors over all values. */
  of([min, max]: Range): number {
    const noise = this.#rounding * (max - min) ** 2
    const { below, inside, above } = this.#split([min, max])
    const zeroBin = this.#counts[this.#binsBelow(this.#width / 2)] ?? 0
    // Zero itself is always exact, and rectified values are mostly zero: what lies in its bin errs by its own size at most.
    const spared = zeroBin * Math.max(0, noise - this.#width ** 2 / 4)
    const clipped = ({ count, sum, square }: Moments, bound: number): number =>
      square - 2 * bound * sum + bound ** 2 * count
    return noise * inside.count - spared + clipped(below, min) + clipped(above, max)
  }

  /** Where the derivatives by the bounds vanish, with the values on each side as they are now. */
  next([min, max]: Range): Range {
    const { below, inside, above } = this.#split([min, max])
    const pull = this.#rounding * inside.count
    return [(below.sum + pull * max) / (below.count + pull), (above.sum + pull * min) / (above.count + pull)]
  }

  nextSymmetric([min, max]: Range): Range {
    const { below, inside, above } = this.#split([min, max])
    const bound = (above.sum - below.sum) / (above.count + below.count + 4 * this.#rounding * inside.count)
    return [-bound, bound]
  }

  #split([min, max]: Range): { readonly below: Moments; readonly inside: Moments; readonly above: Moments } {
    const start = this.#binsBelow(min)
    const end = this.#binsBelow(max)
    const bins = this.#counts.length
    return { below: this.#moments(0, start), inside: this.#moments(start, end), above: this.#moments(end, bins) }
  }

  /** Number of bins whose middle lies below `bound`. */
  #binsBelow(bound: number): number {
    const bins = Math.ceil((bound - this.#first) / this.#width - 0.5)
    return Math.min(Math.max(bins, 0), this.#counts.length)
  }

  #moments(start: number, end: number): Moments {
    const over = (sums: Float64Array): number => (sums[end] as number) - (sums[start] as number)
    return { count: over(this.#count), sum: over(this.#sum), square: over(this.#square) }
  }
}

interface Moments {
  readonly count: number
  readonly sum: number
  readonly square: number
}

function sumsBefore(bins: number, value: (bin: number) => number): Float64Array {
  const sums = new Float64Array(bins + 1)
  for (let bin = 0; bin < bins; bin++) sums[bin + 1] = (sums[bin] as number) + value(bin)
  return sums
}
