// Scale and zero point of every quantized activation, from its measured range.

import { LabError } from '../../core/errors/lab-error'
import { quantParams, type QuantParams } from '../../core/numeric/quant-params'
import type { ByteDType } from '../../core/numeric/quantize'
import type { TensorRanges } from '../../core/pass/pass-context'
import { notFinite } from './calibrate'
import type { ParamSource, StaticPlan } from './plan'

/** Values whose ranges a plan needs, in the order it found them. */
export const valuesToMeasure = ({ activations }: Pick<StaticPlan, 'activations'>): string[] =>
  [...activations].flatMap(([value, source]) => (source.kind === 'own' ? [value] : []))

/** The value whose scale and zero point `value` has: itself, or where its integers came from unchanged. */
export function paramOwner(value: string, activations: ReadonlyMap<string, ParamSource>): string {
  let owner = value
  for (let source = activations.get(owner); source?.kind === 'shared'; source = activations.get(owner))
    owner = source.with
  return owner
}

/** Throws `recipe/needs-calibration` when the recipe's ranges lack a value and `data/invalid` for a range that is not finite. */
export function activationParams(
  { activations }: Pick<StaticPlan, 'activations'>,
  ranges: TensorRanges,
  dtype: ByteDType,
): ReadonlyMap<string, QuantParams> {
  const params = new Map<string, QuantParams>()
  for (const [value, source] of activations) {
    if (source.kind === 'shared') continue
    const [min, max] = source.kind === 'fixed' ? source.range : rangeOf(value, ranges)
    if (!Number.isFinite(min) || !Number.isFinite(Math.fround(max - min))) throw notFinite(value)
    params.set(value, quantParams(min, max, dtype))
  }
  return params
}

function rangeOf(value: string, ranges: TensorRanges): readonly [number, number] {
  const range = Object.hasOwn(ranges, value) ? ranges[value] : undefined
  if (range) return range
  const message = `The recipe has no range for "${value}"; remove its calibration to measure all ranges again.`
  throw new LabError('recipe/needs-calibration', message, { tensor: value })
}
