// A float32 weight → the three tensors that stand for it in a quantized graph: integers, scales, zero points.

import { LabError } from '../errors/lab-error'
import { makeTensor, tensorBytes, type Tensor } from '../model/tensor'
import { channelRanges } from './channel-ranges'
import type { QuantDType } from './quant-params'
import {
  quantizeChannels,
  quantizeWith,
  storeIntegers,
  type QuantizedChannels,
  type ScaleOptions,
  type ScaleParams,
} from './quantize'
import { channelLayout, scaleDims } from './scale-layout'

export interface WeightFormat {
  readonly dtype: QuantDType
  /** One scale per index along this axis; undefined: one for the whole tensor. */
  readonly axis?: number | undefined
  /** One scale per this many elements along `axis`, which must be given; for matrices only. Legal from opset 21 on. */
  readonly blockSize?: number | undefined
  /** Zero point in the middle of the type. Integer kernels need it for more than one channel. */
  readonly isSymmetric: boolean
  /** One bit less, see `QuantParamOptions`. */
  readonly reduceRange?: boolean | undefined
  readonly minRealRange?: number | undefined
  /** Given scales and zero points instead of those that the data ask for, in the order of the scale tensor. */
  readonly params?: ScaleParams | undefined
}

export interface WeightNames {
  readonly quantized: string
  readonly scale: string
  readonly zeroPoint: string
}

export interface QuantizedWeight {
  /** Shape of the weight; 4-bit integers packed. */
  readonly quantized: Tensor
  /** float32: a scalar, 1-D, or with blocks of the weight's rank with ceil(dim / block size) along the axis. */
  readonly scale: Tensor
  /** Type of `quantized`, shape of `scale`. */
  readonly zeroPoint: Tensor
}

/**
 * Undefined when the weight holds a NaN or an infinity. The weight must be float32 and its bytes attached. Throws `model/unsupported` for
 * blocks in a tensor that is no matrix, `data/invalid` for params of the wrong number and for a range that overflows float32.
 */
export function quantizeWeight(weight: Tensor, format: WeightFormat, names: WeightNames): QuantizedWeight | undefined {
  const result = quantizeAs(weight, format)
  return result && weightTensors(weight, format, names, result)
}

/** The tensors of a weight whose integers, scales and zero points are known. */
export function weightTensors(
  weight: Tensor,
  { dtype, axis, blockSize }: WeightFormat,
  names: WeightNames,
  { values, scales, zeroPoints }: QuantizedChannels,
): QuantizedWeight {
  const dims = scaleDims(weight.dims, axis, blockSize)
  return {
    quantized: makeTensor(names.quantized, dtype, weight.dims, values),
    scale: makeTensor(names.scale, 'float32', dims, scales),
    zeroPoint: makeZeroPoint(names.zeroPoint, dtype, dims, zeroPoints),
  }
}

function quantizeAs(weight: Tensor, format: WeightFormat): QuantizedChannels | undefined {
  const { dtype, axis, blockSize, params } = format
  checkBlocks(weight, format)
  const bytes = tensorBytes(weight)
  const layout = channelLayout(weight.dims, axis, blockSize)
  if (!params) return quantizeChannels(bytes, layout, dtype, scaleOptions(format))
  if (params.scales.length !== layout.scales || params.zeroPoints.length !== layout.scales) {
    const got = `${params.scales.length} scales and ${params.zeroPoints.length} zero points`
    const message = `"${weight.name}" needs ${layout.scales} of each, but ${got} were given.`
    throw new LabError('data/invalid', message, { tensor: weight.name, expected: layout.scales })
  }
  if (!channelRanges(bytes, layout).isFinite) return undefined
  return { ...params, values: quantizeWith(bytes, layout, dtype, params.scales, params.zeroPoints) }
}

/** Throws `model/unsupported` for blocks in a tensor that is no matrix. */
export function checkBlocks({ name, dims }: Tensor, { axis, blockSize }: WeightFormat): void {
  if (blockSize === undefined || (dims.length === 2 && axis !== undefined)) return
  const message = `Blocks of weights need a matrix and an axis; "${name}" has rank ${dims.length}.`
  throw new LabError('model/unsupported', message, { tensor: name, rank: dims.length })
}

export const scaleOptions = ({ isSymmetric, reduceRange, minRealRange, blockSize }: WeightFormat): ScaleOptions => ({
  symmetric: isSymmetric,
  reduceRange,
  minRealRange,
  isBlocked: blockSize !== undefined,
})

/** Zero points as a tensor of their type; 4-bit ones packed. */
export const makeZeroPoint = (name: string, dtype: QuantDType, dims: readonly number[], values: ArrayLike<number>) =>
  makeTensor(name, dtype, dims, storeIntegers(values, dtype))
