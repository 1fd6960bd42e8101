// A float32 weight → the three tensors that stand for it in a quantized graph: integers, scales, zero points.

import { makeTensor, tensorBytes, type Tensor } from '../model/tensor'
import { channelLayout, quantizeChannels, type ByteDType } from './quantize'

export interface WeightFormat {
  readonly dtype: ByteDType
  /** One scale per index along this axis; undefined: one for the whole tensor. */
  readonly axis?: number | undefined
  /** Zero point in the middle of the type. Integer kernels need it for more than one channel. */
  readonly isSymmetric: boolean
  /** One bit less, see `QuantParamOptions`. */
  readonly reduceRange?: boolean
}

export interface WeightNames {
  readonly quantized: string
  readonly scale: string
  readonly zeroPoint: string
}

export interface QuantizedWeight {
  /** Shape of the weight. */
  readonly quantized: Tensor
  /** float32, a scalar or 1-D. */
  readonly scale: Tensor
  /** Type of `quantized`, shape of `scale`. */
  readonly zeroPoint: Tensor
}

/** Undefined when the weight holds a NaN or an infinity. The weight must be float32 and its bytes attached. */
export function quantizeWeight(weight: Tensor, format: WeightFormat, names: WeightNames): QuantizedWeight | undefined {
  const { dtype, axis, isSymmetric: symmetric, reduceRange = false } = format
  const layout = channelLayout(weight.dims, axis)
  const result = quantizeChannels(tensorBytes(weight), layout, dtype, symmetric, reduceRange)
  if (!result) return undefined
  const { values, scales, zeroPoints } = result
  const dims = axis === undefined ? [] : [scales.length]
  return {
    quantized: makeTensor(names.quantized, dtype, weight.dims, values),
    scale: makeTensor(names.scale, 'float32', dims, scales),
    zeroPoint: makeZeroPoint(names.zeroPoint, dtype, dims, zeroPoints),
  }
}

export const makeZeroPoint = (name: string, dtype: ByteDType, dims: readonly number[], values: readonly number[]) =>
  makeTensor(name, dtype, dims, dtype === 'int8' ? Int8Array.from(values) : Uint8Array.from(values))
