// The Hodges–Lehmann estimate of the centre of a symmetric distribution, and its interval from the signed-rank test: the median
// of the Walsh averages (dᵢ + dⱼ)/2, i ≤ j, and their order statistics at the quantile of W. The averages are counted, never stored:
// of 4,000 differences there are 8 million.

import { ascending, sortedQuantile } from './quantiles'
import { signedRankCut } from './signed-rank'

export interface Location {
  readonly estimate: number
  /** Interval of two-sided level 2(1 − Φ(z)); null when the differences are too few for that level. */
  readonly interval: readonly [number, number] | null
}

/** `differences` must not be empty. */
export function hodgesLehmann(differences: readonly number[], z: number): Location {
  const sorted = ascending(differences)
  const last = (sorted.length * (sorted.length + 1)) / 2 - 1
  const middle = [walshAverage(sorted, Math.floor(last / 2)), walshAverage(sorted, Math.ceil(last / 2))]
  const estimate = sortedQuantile(middle, 0.5)
  const cut = signedRankCut(sorted.length, z)
  if (cut === null) return { estimate, interval: null }
  return { estimate, interval: [walshAverage(sorted, cut), walshAverage(sorted, last - cut)] }
}

/** The `k`-th smallest Walsh average, from 0. Halves the range between two of them, so it ends on one, to the last digit. */
function walshAverage(sorted: Float64Array, k: number): number {
  let low = sorted[0] ?? NaN
  let high = sorted.at(-1) ?? NaN
  while (low < high) {
    const middle = (low + high) / 2
    // Between neighbouring floats the middle may round to the upper one, which would not divide them.
    const { count, below, above } = splitWalshAverages(sorted, middle < high ? middle : low)
    if (count > k) high = below
    else low = above
  }
  return low
}

/** How many Walsh averages are at most `limit`, the largest of these, and the smallest beyond, in one walk along the border of both. */
function splitWalshAverages(sorted: Float64Array, limit: number) {
  const average = (i: number, j: number): number => ((sorted[i] ?? NaN) + (sorted[j] ?? NaN)) / 2
  let [count, below, above] = [0, -Infinity, Infinity]
  let j = sorted.length - 1
  for (let i = 0; i < sorted.length; i++) {
    while (j >= i && average(i, j) > limit) j--
    if (j < sorted.length - 1) above = Math.min(above, average(i, Math.max(j + 1, i)))
    if (j < i) break
    count += j - i + 1
    below = Math.max(below, average(i, j))
  }
  return { count, below, above }
}
