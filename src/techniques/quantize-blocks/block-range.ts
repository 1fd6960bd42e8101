// The range of a block's values, for the algorithms that are not in a hurry.

export interface BlockRange {
  readonly low: number
  readonly high: number
}

/** Of `values[from]` to `values[to − 1]` and `start`, which is 0 where the range has to hold zero. NaN where one of them is. */
export function rangeOf(values: Float32Array, from: number, to: number, start: number): BlockRange {
  let low = start
  let high = start
  for (let i = from; i < to; i++) {
    low = Math.min(low, values[i] as number)
    high = Math.max(high, values[i] as number)
  }
  return { low, high }
}
