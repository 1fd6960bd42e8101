// Measures the range of values on real samples by the method of the options, and says when the samples are too few or too unlike to trust.

import type { Model } from '../model/model'
import type { CalibrationData, TensorRanges } from '../pass/pass-context'
import type { Note } from '../pass/technique'
import type { CalibrationOptions } from './calibration-options'
import { observeValues, spreadIndices, type ObservationContext } from './observe'
import { rangeObserver, widest } from './ranges'

export interface MeasuredRanges {
  readonly source: string
  readonly indices: readonly number[]
  readonly ranges: TensorRanges
  /** Warnings about the samples. */
  readonly notes: readonly Note[]
}

/** What the options are for, besides what a person sets. */
export interface RangeOptions extends CalibrationOptions {
  /** Steps of the integers that `mse` measures the error for: 256 (8 bits, the default) or 65536. */
  readonly levels?: number
}

/**
 * Ranges of the float values named `values` over at most `options.calibrationSamples` samples, spread evenly over the data. Throws
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
  const indices = spreadIndices(data.size, options.calibrationSamples)
  const observers = values.map((value) => rangeObserver(value))
  await observeValues(model, observers, data, indices, context)
  const ranges = Object.fromEntries(observers.map(({ value, perSample }) => [value, widest(perSample)]))
  return { source: data.source, indices, ranges, notes: [] }
}
