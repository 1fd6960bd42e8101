// Scale and zero point of every quantized activation, from its range and the format of its integers.

import { activationParamsIn, rangeIn } from '../../core/calibration/find-ranges'
import type { QuantDType, QuantParams } from '../../core/numeric/quant-params'
import type { TensorRanges } from '../../core/pass/pass-context'
import type { StaticPlan } from './plan'
import type { StaticOptions } from './spec'
import { activationFormat, conversionOf, type ActivationFormat } from './tensor-format'

export interface TypedParams extends QuantParams {
  readonly dtype: QuantDType
}

export interface ActivationParams {
  /** Undefined where the value shares the params of another. */
  readonly own: TypedParams | undefined
  /** What readers get that want another type. */
  readonly converted: TypedParams | undefined
}

type Activations = Pick<StaticPlan, 'activations' | 'ranges'>

/** Values whose ranges a plan needs, in the order it found them. */
export function valuesToMeasure({ activations, ranges }: Activations, options: StaticOptions): string[] {
  const needed = [...activations].flatMap(([value, { kind }]) => {
    const source = ranges.get(value) ?? value
    const formats = [
      ...(kind === 'own' ? [activationFormat(value, options)] : []),
      ...(conversionOf(value, options) ? [conversionOf(value, options)?.format] : []),
    ]
    const isNeeded = formats.some(
      (format) => format && !format.given && !(hasBound(format.min) && hasBound(format.max)),
    )
    return isNeeded && typeof source === 'string' ? [source] : []
  })
  return [...new Set(needed)]
}

const hasBound = (bound: number | undefined): boolean => bound !== undefined

/** Throws `recipe/needs-calibration` when the recipe's ranges lack a value and `data/invalid` for a range that is not finite. */
export function activationParams(
  plan: Activations,
  measured: TensorRanges,
  options: StaticOptions,
): ReadonlyMap<string, ActivationParams> {
  const paramsOf = (value: string, format: ActivationFormat): TypedParams => {
    const { dtype, given } = format
    if (given) return { ...given, dtype }
    const range = (): readonly [number, number] => rangeOf(value, plan, measured)
    const min = format.min ?? range()[0]
    const max = format.max ?? range()[1]
    return { ...activationParamsIn(value, [min, max], dtype, format), dtype }
  }
  return new Map(
    [...plan.activations].map(([value, { kind }]) => {
      const own = kind === 'own' ? paramsOf(value, activationFormat(value, options)) : undefined
      const conversion = conversionOf(value, options)
      return [value, { own, converted: conversion && paramsOf(value, conversion.format) }]
    }),
  )
}

function rangeOf(value: string, { ranges }: Activations, measured: TensorRanges): readonly [number, number] {
  const source = ranges.get(value) ?? value
  return typeof source === 'string' ? rangeIn(measured, source) : source
}
