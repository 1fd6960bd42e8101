// Scale and zero point of every quantized activation, from its range and the format of its integers.

import { LabError } from '../../core/errors/lab-error'
import { quantParams, type QuantDType, type QuantParams } from '../../core/numeric/quant-params'
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
    if (!Number.isFinite(min) || !Number.isFinite(Math.fround(max - min))) throw notFinite(value)
    return { ...quantParams(min, max, dtype, format), dtype }
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
  if (typeof source !== 'string') return source
  const range = Object.hasOwn(measured, source) ? measured[source] : undefined
  if (range) return range
  const message = `The recipe has no range for "${source}"; remove its calibration to measure all ranges again.`
  throw new LabError('recipe/needs-calibration', message, { tensor: source })
}

const notFinite = (tensor: string): LabError =>
  new LabError('data/invalid', `"${tensor}" takes values that are not finite, so it has no range to quantize to.`, {
    tensor,
  })
