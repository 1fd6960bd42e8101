// Sample quantiles, type 7 of Hyndman & Fan (1996): linear between order statistics, the default of NumPy and R.

/** Quantile `p` (0…1) of values in ascending order. The list must not be empty. */
export function sortedQuantile(sorted: ArrayLike<number>, p: number): number {
  const position = p * (sorted.length - 1)
  const below = Math.floor(position)
  const low = sorted[below] ?? NaN
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN
  return low + (position - below) * (high - low)
}

export const ascending = (values: Iterable<number>): Float64Array => Float64Array.from(values).sort()

/** Median; NaN for an empty list. */
export const median = (values: Iterable<number>): number => {
  const sorted = ascending(values)
  return sorted.length === 0 ? NaN : sortedQuantile(sorted, 0.5)
}
