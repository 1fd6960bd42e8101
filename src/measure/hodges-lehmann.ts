// The Hodges–Lehmann estimate of the centre of a symmetric distribution, and its interval from the signed-rank test: the median
// of the Walsh averages (dᵢ + dⱼ)/2, i ≤ j, and their order statistics at the quantile of W.

import { sortedQuantile } from './quantiles'
import { signedRankCut } from './signed-rank'

export interface Location {
  readonly estimate: number
  /** Interval of two-sided level 2(1 − Φ(z)); null when the differences are too few for that level. */
  readonly interval: readonly [number, number] | null
}

/** `differences` must not be empty. */
export function hodgesLehmann(differences: readonly number[], z: number): Location {
  const walsh = walshAverages(differences)
  const cut = signedRankCut(differences.length, z)
  const last = walsh.length - 1
  const lower = last / 2
  const middle = [selectKth(walsh, Math.floor(lower)), selectKth(walsh, Math.ceil(lower))]
  const estimate = sortedQuantile(middle, 0.5)
  if (cut === null) return { estimate, interval: null }
  return { estimate, interval: [selectKth(walsh, cut), selectKth(walsh, last - cut)] }
}

function walshAverages(differences: readonly number[]): Float64Array {
  const averages = new Float64Array((differences.length * (differences.length + 1)) / 2)
  let at = 0
  differences.forEach((first, i) => {
    for (let j = 0; j <= i; j++) averages[at++] = (first + (differences[j] ?? NaN)) / 2
  })
  return averages
}

/** The value that would stand at `k` if `values` were sorted (Hoare's selection); reorders `values`. */
export function selectKth(values: Float64Array, k: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const pivot = values[(low + high) >>> 1] ?? NaN
    let i = low - 1
    let j = high + 1
    for (;;) {
      do i++
      while ((values[i] ?? NaN) < pivot)
      do j--
      while ((values[j] ?? NaN) > pivot)
      if (i >= j) break
      const held = values[i] ?? NaN
      values[i] = values[j] ?? NaN
      values[j] = held
    }
    if (k <= j) high = j
    else low = j + 1
  }
  return values[k] ?? NaN
}
