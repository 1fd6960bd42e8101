// The ranges that a pass computes with: those that the recipe holds; what it lacks is measured on real samples.

import { LabError } from '../errors/lab-error'
import type { Model } from '../model/model'
import { quantParams, type QuantDType, type QuantParamOptions, type QuantParams } from '../numeric/quant-params'
import type { PassContext, TensorRanges } from '../pass/pass-context'
import type { Note, PassResult } from '../pass/technique'
import { calibrateRanges } from './calibrate-ranges'
import type { RangeOptions } from './range-of'
import { notFinite, type Range } from './ranges'

export interface FoundRanges {
  readonly ranges: TensorRanges
  /** Warnings about the samples. */
  readonly notes: readonly Note[]
  /** What the pass returns for the recipe; absent where nothing was measured. */
  readonly calibration?: NonNullable<PassResult['calibration']>
}

/** What is said where neither samples nor ranges are at hand. */
interface Refusal {
  readonly technique: string
  readonly message: string
}

/**
 * Ranges of `values` of the main graph. A recipe with ranges but without samples keeps its gaps: `rangeIn` names them. Throws `refusal` as
 * `recipe/needs-calibration`, and what `calibrateRanges` throws. `context.progress` goes from 0 to 1 where something is measured.
 */
export async function findRanges(
  model: Model,
  values: readonly string[],
  options: RangeOptions,
  context: Pick<PassContext, 'ranges' | 'calibration' | 'infer' | 'checkpoint' | 'progress'>,
  { technique, message }: Refusal,
): Promise<FoundRanges> {
  const { ranges: stored, calibration: data } = context
  const known = stored ?? {}
  const missing = values.filter((value) => !Object.hasOwn(known, value))
  if (missing.length === 0 || (stored && !data)) return { ranges: known, notes: [] }
  if (!data) throw new LabError('recipe/needs-calibration', message, { technique })
  const { source, indices, ranges: measured, notes } = await calibrateRanges(model, missing, options, data, context)
  const ranges = { ...known, ...measured }
  return { ranges, notes, calibration: { source, indices, ranges } }
}

/** Throws `recipe/needs-calibration` with `tensor` where there is none. */
export function rangeIn(ranges: TensorRanges, tensor: string): Range {
  const range = Object.hasOwn(ranges, tensor) ? ranges[tensor] : undefined
  if (range) return range
  const message = `The recipe has no range for "${tensor}"; remove its calibration to measure all ranges again.`
  throw new LabError('recipe/needs-calibration', message, { tensor })
}

/** `quantParams` of the activation `tensor`. Throws `data/invalid` with its name for a range that is not finite in float32. */
export function activationParamsIn(
  tensor: string,
  [min, max]: Range,
  dtype: QuantDType,
  options: QuantParamOptions = {},
): QuantParams {
  if (!Number.isFinite(min) || !Number.isFinite(Math.fround(max - min))) throw notFinite(tensor)
  return quantParams(min, max, dtype, options)
}
