// Measures the range of values on real samples by the method of the options, and says when the samples are too few or too unlike to trust.

import { LabError } from '../errors/lab-error'
import type { Model } from '../model/model'
import type { CalibrationData, TensorRanges } from '../pass/pass-context'
import type { Note } from '../pass/technique'
import type { CalibrationOptions } from './calibration-options'
import { collectHistograms, type SampleGroups, type SeenValue, type SplitHistogram } from './collect-histograms'
import { observeValues, spreadIndices, type ObservationContext } from './observe'
import { rangeOf, type RangeOptions } from './range-of'
import { leastMagnitudeObserver, rangeObserver, type Range } from './ranges'
import { sampleWarnings, type HalvedRange } from './sample-warnings'

export interface MeasuredRanges {
  readonly source: string
  readonly indices: readonly number[]
  readonly ranges: TensorRanges
  /** Warnings about the samples. */
  readonly notes: readonly Note[]
}

/** Share of the progress that the first of two runs takes: counting is the slower part. */
const FIRST_RUN_SHARE = 0.4

/**
 * Ranges of the float32 values named `values` over at most `options.calibrationSamples` samples, spread evenly over the data. Throws
 * `data/invalid` with `tensor` where a value is not finite, `recipe/needs-calibration` without samples, `options/invalid` for options
 * that do not go together, and what `observeValues` throws.
 */
export async function calibrateRanges(
  model: Model,
  values: readonly string[],
  options: RangeOptions,
  data: CalibrationData,
  context: ObservationContext,
): Promise<MeasuredRanges> {
  verifyBins(options)
  const indices = spreadIndices(data.size, options.calibrationSamples)
  const needsHistograms = !['min-max', 'moving-average'].includes(options.calibrationMethod)
  const share = needsHistograms ? FIRST_RUN_SHARE : 1
  const samples = { data, groups: inGroups(indices, options.calibrationStride) }
  const seen = await seeRanges(model, values, options, samples, part(context, 0, share))
  const histograms = needsHistograms
    ? await collectHistograms(model, seen, options.histogramBins, samples, part(context, share, 1))
    : new Map<string, SplitHistogram>()
  const found: HalvedRange[] = []
  for (const value of seen) {
    await context.checkpoint()
    found.push(halvedRange(value, histograms.get(value.value), options))
  }
  return {
    source: data.source,
    indices,
    ranges: Object.fromEntries(found.map(({ value, range }) => [value, range])),
    notes: sampleWarnings(found, indices.length),
  }
}

function verifyBins({ calibrationMethod, histogramBins, quantizedBins }: CalibrationOptions): void {
  if (calibrationMethod !== 'entropy' || quantizedBins <= histogramBins) return
  const message = `quantizedBins is ${quantizedBins}, expected at most the ${histogramBins} bins of the histogram.`
  throw new LabError('options/invalid', message, { path: 'quantizedBins', expected: histogramBins, got: quantizedBins })
}

const part = (context: ObservationContext, from: number, to: number): ObservationContext => ({
  infer: context.infer,
  checkpoint: () => context.checkpoint(),
  progress: (fraction, what) => context.progress(from + (to - from) * fraction, what),
})

/** Groups of `stride`, or one of all. */
function inGroups<T>(items: readonly T[], stride: number): readonly (readonly T[])[] {
  if (stride === 0) return [items]
  return Array.from({ length: Math.ceil(items.length / stride) }, (_, group) =>
    items.slice(group * stride, (group + 1) * stride),
  )
}

/** The first run: what each value reaches. */
async function seeRanges(
  model: Model,
  values: readonly string[],
  { calibrationMethod, symmetricRanges, calibrationStride }: CalibrationOptions,
  { data, groups }: SampleGroups,
  context: ObservationContext,
): Promise<readonly SeenValue[]> {
  const ranges = values.map(rangeObserver)
  const countsMagnitudes = calibrationMethod === 'percentile' && symmetricRanges
  const magnitudes = countsMagnitudes ? values.map(leastMagnitudeObserver) : []
  await observeValues(model, [...ranges, ...magnitudes], data, groups.flat(), context)
  return ranges.map(({ value, perSample }, index) => ({
    value,
    groups: inGroups(perSample, calibrationStride),
    leastMagnitude: magnitudes[index]?.least(),
  }))
}

/** The range of a value over all samples, and over those at even and at odd positions. */
function halvedRange(
  { value, groups }: SeenValue,
  split: SplitHistogram | undefined,
  options: RangeOptions,
): HalvedRange {
  const half = (odd: 0 | 1): Range | undefined => {
    const samples = groups.map((group) => group.filter((_, position) => position % 2 === odd))
    if (samples.flat().length === 0) return undefined
    return rangeOf(
      samples.filter(({ length }) => length > 0),
      split && { edges: split.edges, counts: split.counts[odd] },
      options,
    )
  }
  const all = split && {
    edges: split.edges,
    counts: split.counts[0].map((count, bin) => count + (split.counts[1][bin] as number)),
  }
  return { value, range: rangeOf(groups, all, options), even: half(0), odd: half(1) }
}
