// The range whose quantized histogram differs least from the full one in Kullback-Leibler divergence (Migacz 2017, as in MXNet and ONNX
// Runtime). Divergences are added up in float64, where ONNX Runtime uses float32: near ties may fall differently.

import type { Histogram } from './histogram'
import { clampRange, type Range } from './ranges'

/** A range that was tried. */
export interface EntropyCandidate {
  readonly range: Range
  /** Nats; infinite where one of the distributions is empty. */
  readonly divergence: number
}

/** Mass that an empty bin gets, taken from the others. */
const SMOOTHING = 1e-4

/** The first range of least divergence, never wider than the data. `histogram` is signed, around zero, with at least `quantizedBins` bins. */
export function entropyRange(histogram: Histogram, quantizedBins: number): Range {
  const [first, ...others] = entropyCandidates(histogram, quantizedBins)
  if (!first) return histogram.range
  const best = others.reduce((least, candidate) => (candidate.divergence < least.divergence ? candidate : least), first)
  return clampRange(best.range, histogram.range)
}

/** Every range that is tried: from about `quantizedBins` bins in the middle to all of them. */
export function entropyCandidates({ edges, counts }: Histogram, quantizedBins: number): readonly EntropyCandidate[] {
  const middle = counts.length >> 1
  const candidates: EntropyCandidate[] = []
  for (let half = quantizedBins >> 1; half <= middle; half++) {
    const start = middle - half
    const end = Math.min(middle + half + 1, counts.length)
    const inside = counts.subarray(start, end)
    const clipped = withOutliers(inside, sum(counts, 0, start), sum(counts, end, counts.length))
    const p = smooth(clipped)
    const q = smooth(requantize(inside, clipped, quantizedBins))
    candidates.push({
      range: [edges[start] as number, edges[end] as number],
      divergence: p && q ? divergence(p, q) : Infinity,
    })
  }
  return candidates
}

/** What lies outside counts as the outermost bins. */
function withOutliers(inside: Float64Array, below: number, above: number): Float64Array {
  const clipped = inside.slice()
  ;(clipped[0] as number) += below
  ;(clipped[clipped.length - 1] as number) += above
  return clipped
}

/** `inside` merged into `quantizedBins` bins and spread evenly again over the bins of each that are not empty in `clipped`, in whole counts. */
function requantize(inside: Float64Array, clipped: Float64Array, quantizedBins: number): Float64Array {
  const spread = new Float64Array(inside.length)
  const width = Math.floor(inside.length / quantizedBins)
  for (let merged = 0; merged < quantizedBins; merged++) {
    const start = merged * width
    const end = start + width
    const total = sum(inside, start, merged === quantizedBins - 1 ? inside.length : end)
    let occupied = 0
    for (let bin = start; bin < end; bin++) if (clipped[bin] !== 0) occupied++
    // Empty bins of the slice get their share too, and bins after the last whole slice none: as in ONNX Runtime.
    if (occupied > 0) spread.fill(Math.trunc(total / occupied), start, end)
  }
  return spread
}

/** Float32 counts without empty bins; undefined where all are empty, or so many that smoothing would leave nothing. */
export function smooth(counts: Float64Array): Float32Array | undefined {
  let empty = 0
  for (const count of counts) if (count === 0) empty++
  const taken = (SMOOTHING * empty) / (counts.length - empty)
  if (!(taken < 1)) return undefined
  const smoothed = new Float32Array(counts.length)
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] as number
    smoothed[bin] = count + (count === 0 ? SMOOTHING : -taken)
  }
  return smoothed
}

/** Σ p ln(p / q) after both are scaled to add up to 1. Nats. */
export function divergence(p: Float32Array, q: Float32Array): number {
  const mass = sum(p, 0, p.length)
  const ratio = sum(q, 0, q.length) / mass
  let total = 0
  for (let bin = 0; bin < p.length; bin++) {
    const part = p[bin] as number
    total += part * Math.log((part / (q[bin] as number)) * ratio)
  }
  return total / mass
}

function sum(values: Float64Array | Float32Array, start: number, end: number): number {
  let total = 0
  for (let bin = start; bin < end; bin++) total += values[bin] as number
  return total
}
