// Scales and zero points of a constant that is stored as integers, the integers themselves, and the int32 biases in the unit of the
// kernel's sums, input scale · weight scale.

import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import { channelRanges } from '../../core/numeric/channel-ranges'
import { quantizeBias, quantizeWith, scaleParams, type ScaleParams } from '../../core/numeric/quantize'
import { channelLayout, scaleDims } from '../../core/numeric/scale-layout'
import { makeZeroPoint, type QuantizedWeight, type WeightNames } from '../../core/numeric/quantize-weight'
import type { PlannedBias, PlannedConstant } from './plan'
import type { StaticOptions } from './spec'
import { constantFormat, givenParams, type ConstantFormat } from './tensor-format'

export interface ConstantParams extends ScaleParams {
  readonly format: ConstantFormat
}

/** The constant with its factor multiplied in. */
export function scaledTensor({ tensor, factor }: Pick<PlannedConstant, 'tensor' | 'factor'>): Tensor {
  if (factor === 1) return tensor
  const values = viewAs(tensorBytes(tensor), Float32Array).map((value) => value * factor)
  return makeTensor(`${tensor.name}_times_${factor}`, 'float32', tensor.dims, values)
}

const layoutOf = ({ dims }: Tensor, { axis, blockSize }: ConstantFormat) => channelLayout(dims, axis, blockSize)

/** Undefined where a value is not finite. */
export function constantParams(constant: PlannedConstant, options: StaticOptions): ConstantParams | undefined {
  const format = constantFormat(constant, options)
  const { dtype, channels, symmetric, reduceRange, minRealRange, blockSize } = format
  const tensor = scaledTensor(constant)
  const layout = layoutOf(tensor, format)
  const measured = channelRanges(tensorBytes(tensor), layout)
  if (!measured.isFinite) return undefined
  const override = (channel: number) => (channels.length > 1 ? channels[channel] : channels[0]) ?? {}
  if (givenParams(override(0))) {
    const given = Array.from(measured.min, (_, channel) => givenParams(override(channel)) ?? { scale: 1, zeroPoint: 0 })
    return {
      format,
      scales: Float32Array.from(given, ({ scale }) => scale),
      zeroPoints: Int32Array.from(given, ({ zeroPoint }) => zeroPoint),
    }
  }
  const ranges = blockSize
    ? measured
    : {
        ...measured,
        min: measured.min.map((min, channel) => override(channel).min ?? min),
        max: measured.max.map((max, channel) => override(channel).max ?? max),
      }
  const isBlocked = blockSize !== undefined
  return { format, ...scaleParams(ranges, dtype, { symmetric, reduceRange, minRealRange, isBlocked }) }
}

/** The tensors that stand for the constant. */
export function quantizeConstant(
  constant: PlannedConstant,
  { format, scales, zeroPoints }: ConstantParams,
  names: WeightNames,
): QuantizedWeight {
  const { dtype, axis, blockSize } = format
  const tensor = scaledTensor(constant)
  const dims = scaleDims(tensor.dims, axis, blockSize)
  const values = quantizeWith(tensorBytes(tensor), layoutOf(tensor, format), dtype, scales, zeroPoints)
  return {
    quantized: makeTensor(names.quantized, dtype, tensor.dims, values),
    scale: makeTensor(names.scale, 'float32', dims, scales),
    zeroPoint: makeZeroPoint(names.zeroPoint, dtype, dims, zeroPoints),
  }
}

/** Distance from the lowest to the highest int32, both symmetric, and a little room for rounding. */
const INT32_SPAN = 2 ** 32 - 2
const ROOM = 1.0001

/**
 * Raises weight scales until bias / (input scale · weight scale) fits int32: precision of tiny weights, for a bias that is right. To the
 * bit as the reference: float64 for one scale, float32 for the bound of each channel. Scales of blocks and with zero points stay.
 */
export function fitBias(params: ConstantParams, bias: Float32Array, inputScale: number): ConstantParams {
  const { format, scales, zeroPoints } = params
  const isSignedSymmetric =
    (format.dtype === 'int8' || format.dtype === 'int16') && zeroPoints.every((zero) => zero === 0)
  if (!isSignedSymmetric || format.blockSize !== undefined) return params
  const isPerChannel = format.axis !== undefined
  const fitted = scales.map((scale, channel) => {
    const need = (isPerChannel ? channelRoom(bias[channel] ?? 0) : ROOM * (2 * largest(bias))) / INT32_SPAN
    const have = inputScale * scale
    return have > 0 && have < need ? scale * (need / have) : scale
  })
  return { ...params, scales: fitted }
}

const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

const channelRoom = (value: number): number => Math.fround(Math.fround(ROOM) * Math.fround(2 * Math.abs(value)))

export interface IntegerBias {
  readonly values: Int32Array
  /** One for all, or one per element along the last axis. */
  readonly scales: Float32Array
}

/** Undefined where the shape of the bias has no axis for the scales of the weight. */
export function integerBias(
  bias: PlannedBias,
  inputScale: number,
  weightScales: Float32Array,
): IntegerBias | undefined {
  const { dims } = bias.tensor
  const values = biasValues(bias)
  const scales = weightScales.map((scale) => inputScale * scale)
  const fits = scales.length === 1 || (dims.at(-1) === scales.length && values.length === scales.length)
  return fits ? { values: quantizeBias(values, scales), scales } : undefined
}

export const biasValues = (bias: PlannedBias): Float32Array => viewAs(tensorBytes(scaledTensor(bias)), Float32Array)

/** Whether integers can say what the bias says: it is finite, and float32 holds its unit. */
export const isExpressible = (bias: Float32Array, inputScale: number, scales: Float32Array): boolean =>
  bias.every(Number.isFinite) && scales.every((scale) => isUnit(Math.fround(inputScale * scale)))

const isUnit = (scale: number): boolean => scale > 0 && scale < Infinity
