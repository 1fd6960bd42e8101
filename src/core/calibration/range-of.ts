// The range of one value by the method of the options, from what was seen of it.

import type { CalibrationOptions } from './calibration-options'
import { entropyRange } from './entropy'
import type { Histogram } from './histogram'
import { mseRange } from './mse'
import { percentileRange, symmetricPercentileRange } from './percentile'
import { meanRange, moveTowards, symmetric, widest, type Range } from './ranges'

/** What a person sets, and what the ranges are for. */
export interface RangeOptions extends CalibrationOptions {
  /** Number of integers that `mse` minimizes the error for: 256 (8 bits, the default) or 65536. */
  readonly levels?: number
}

/**
 * `groups`: ranges of the samples, in groups that are taken together. `counted` is absent where the method needs no histogram, or where
 * the value has no room for its bins: nothing is cut off then.
 */
export function rangeOf(
  groups: readonly (readonly Range[])[],
  counted: Omit<Histogram, 'range'> | undefined,
  options: RangeOptions,
): Range {
  const { symmetricRanges, calibrationMethod, levels = 256 } = options
  const range = widest(groups.flat())
  if (calibrationMethod === 'moving-average') return movingAverage(groups, options)
  if (calibrationMethod === 'min-max' || !counted) return symmetricRanges ? symmetric(range) : range
  const histogram = { ...counted, range }
  switch (calibrationMethod) {
    case 'percentile':
      return (symmetricRanges ? symmetricPercentileRange : percentileRange)(histogram, options.percentile)
    case 'entropy':
      return entropyRange(histogram, options.quantizedBins)
    case 'mse':
      return mseRange(histogram, { levels, isSymmetric: symmetricRanges })
    default:
      return calibrationMethod satisfies never
  }
}

/** Mean over the samples of a group; each later group moves it by `averagingConstant`. */
function movingAverage(
  groups: readonly (readonly Range[])[],
  { symmetricRanges, averagingConstant }: CalibrationOptions,
): Range {
  const means = groups.map((group) => (symmetricRanges ? symmetric(meanRange(group)) : meanRange(group)))
  return means.reduce((average, next) => moveTowards(average, next, averagingConstant))
}
