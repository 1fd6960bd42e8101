// The range that holds a share of the values, read off a histogram as ONNX Runtime's percentile calibration does.

import type { Histogram } from './histogram'
import { clampRange, type Range } from './ranges'

/**
 * `percent` of the values (0…100), the rest cut off half at each end; the edges are the lower ones of their bins. Never wider than the data.
 */
export function percentileRange({ edges, counts, range }: Histogram, percent: number): Range {
  const cutOff = (100 - percent) / 200
  return clampRange([edgeAt(edges, counts, cutOff), edgeAt(edges, counts, 1 - cutOff)], range)
}

/** The same for a histogram of magnitudes: as far below zero as above, where the data reach so far. */
export function symmetricPercentileRange({ edges, counts, range }: Histogram, percent: number): Range {
  const bound = edgeAt(edges, counts, percent / 100)
  return clampRange([-bound, bound], range)
}

/** The lower edge of the first bin up to which at least `share` of all values lie. */
function edgeAt(edges: Float32Array, counts: Float64Array, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let bin = 0
  for (let below = 0; bin < counts.length; bin++) {
    below += (counts[bin] as number) / total
    if (below >= share) break
  }
  return edges[bin] as number
}
