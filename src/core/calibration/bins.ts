// Where the bins of a histogram lie: numpy's edges in float32, and how ONNX Runtime's calibration widens them when later samples reach
// further. Pure numbers; `histogram.ts` counts.

import { LabError } from '../errors/lab-error'
import type { Range } from './ranges'

/** Bins of equal width: bin i holds `edges[i] ≤ x < edges[i + 1]`, the last one its upper edge too. What lies outside is not counted. */
export interface Bins {
  /** One more than there are bins, strictly increasing float32 values. */
  readonly edges: Float32Array
  /** How far from zero values were to reach: the last edge, unless there were only zeros. */
  readonly threshold: number
}

/** Bins, and how many of them come before the first bin of the bins before. */
export interface PlacedBins {
  readonly bins: Bins
  readonly offset: number
}

const MAX_BINS = 2 ** 16

/**
 * Bins for values in `range`: `count` over ±max(|min|, |max|) at first. Those of `before` stay where they reach far enough, else more of
 * (nearly) the same width are added on both sides: the merge of ONNX Runtime's `HistogramCollector`. Undefined where the range is too
 * narrow for so many float32 edges. Throws `data/invalid` beyond 65,536 bins.
 */
export function placeBins(before: Bins | undefined, [min, max]: Range, count: number): PlacedBins | undefined {
  const wanted = Math.max(-min, max)
  if (!before || before.threshold === 0) return around(wanted, count, 0)
  const { threshold } = before
  if (wanted <= threshold) return { bins: before, offset: 0 }
  const bins = before.edges.length - 1
  const stride = Math.fround(Math.fround(2 * threshold) / bins)
  const added = Math.floor(Math.fround(wanted - threshold) / stride) + 1
  if (bins + 2 * added > MAX_BINS) {
    const message = `Later samples reach ${wanted} where the first ones reached ${threshold}: too far to widen their histogram. Take all samples at once.`
    throw new LabError('data/invalid', message, { threshold, wanted })
  }
  return around(Math.fround(Math.fround(added * stride) + threshold), bins + 2 * added, added)
}

function around(threshold: number, count: number, offset: number): PlacedBins | undefined {
  const bins = layOut(-threshold, threshold, count)
  return bins && { bins, offset }
}

/** `count` bins from `first` to `last`, laid out as by `numpy.histogram` for float32. Undefined where float32 has no room for them. */
export function layOut(first: number, last: number, count: number): Bins | undefined {
  const [low, high] = first === last ? [first - 0.5, last + 0.5] : [first, last]
  const { step } = binGrid(low, high, count)
  const edges = Float32Array.from({ length: count + 1 }, (_, i) => Math.fround(i * step) + low)
  edges[count] = high
  return edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number)) ? { edges, threshold: last } : undefined
}

/** Float32 distance of the outer edges and width of a bin: edge i is `i · step + low`, but for the last. */
export function binGrid(low: number, high: number, count: number): { readonly span: number; readonly step: number } {
  const span = Math.fround(high - low)
  return { span, step: Math.fround(span / count) }
}
