// The constants of one Conv, Gemm or MatMul as integers: int8 weights, and int32 biases in the unit of the kernel's sums,
// input scale · weight scale. alpha and beta of a Gemm are multiplied into them first, as integer kernels disagree about them.

import { floatAttribute, isOp, type Node } from '../../core/model/node'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import { channelLayout, channelRanges, quantizeBias, quantizeWith } from '../../core/numeric/quantize'
import { quantParams } from '../../core/numeric/quant-params'
import type { Layer } from './roles'

export interface IntegerWeight {
  readonly values: Int8Array | Uint8Array
  readonly dims: readonly number[]
  readonly axis: number | undefined
  readonly scales: Float32Array
  /** Scales are larger than the weight needs, so that this layer's bias fits int32. */
  readonly isWidened: boolean
}

export interface IntegerBias {
  readonly values: Int32Array
  readonly dims: readonly number[]
  /** One for all, or one per element along the last axis. */
  readonly scales: Float32Array
}

/** The layer with alpha and beta multiplied into weight and constant bias, and the node without them. */
export function withoutFactors(node: Node, layer: Layer): { readonly node: Node; readonly layer: Layer } {
  if (!isOp(node, 'Gemm')) return { node, layer }
  const { weight, bias } = layer
  const attributes = new Map(node.attributes)
  attributes.delete('alpha')
  const hasOwnBias = (node.inputs[2] ?? '') !== '' && !bias
  if (!hasOwnBias) attributes.delete('beta')
  return {
    node: { ...node, attributes },
    layer: {
      ...layer,
      ...(weight && { weight: { ...weight, tensor: scaled(weight.tensor, floatAttribute(node, 'alpha', 1)) } }),
      ...(bias && { bias: scaled(bias, floatAttribute(node, 'beta', 1)) }),
    },
  }
}

function scaled(tensor: Tensor, factor: number): Tensor {
  if (factor === 1) return tensor
  const values = viewAs(tensorBytes(tensor), Float32Array).map((value) => value * factor)
  return makeTensor(`${tensor.name}_times_${factor}`, 'float32', tensor.dims, values)
}

/**
 * `inputScale` is what the bias, if there is one, shares its unit with: as int32 here, or when an engine converts it. Undefined where
 * integers cannot say what the layer says: a weight or bias is not finite, or float32 cannot hold the unit.
 */
export function integerWeight(
  { tensor, axis }: NonNullable<Layer['weight']>,
  bias: Tensor | undefined,
  inputScale: number,
): IntegerWeight | undefined {
  const bytes = tensorBytes(tensor)
  const layout = channelLayout(tensor.dims, axis)
  const ranges = channelRanges(bytes, layout)
  const biases = bias && viewAs(tensorBytes(bias), Float32Array)
  if (!ranges.isFinite || biases?.every(Number.isFinite) === false) return undefined
  const exact = Float32Array.from(
    ranges.min,
    (min, channel) => quantParams(min, ranges.max[channel] as number, 'int8', { symmetric: true }).scale,
  )
  const scales = biases ? widenForBias(exact, biases, inputScale) : exact
  if (biases && !scales.every((scale) => isUnit(inputScale * scale))) return undefined
  const values = quantizeWith(
    bytes,
    layout,
    'int8',
    scales,
    Array.from(scales, () => 0),
  )
  return { values, dims: tensor.dims, axis, scales, isWidened: scales.some((scale, i) => scale !== exact[i]) }
}

const isUnit = (scale: number): boolean => Math.fround(scale) > 0 && Math.fround(scale) < Infinity

/** Distance from the lowest to the highest int32, both symmetric, and a little room for rounding. */
const INT32_SPAN = 2 ** 32 - 2
const ROOM = 1.0001

/** Raises weight scales until bias / (input scale · weight scale) fits int32: precision of tiny weights, for a bias that is right. */
function widenForBias(scales: Float32Array, bias: Float32Array, inputScale: number): Float32Array {
  const largest = (channel: number): number =>
    scales.length === 1
      ? bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      : Math.abs(bias[channel] ?? 0)
  return scales.map((scale, channel) => {
    const need = (ROOM * 2 * largest(channel)) / INT32_SPAN
    const have = inputScale * scale
    return have < need ? (scale * need) / have : scale
  })
}

/** In the unit of the sums. Undefined where its shape has no axis for the scales. */
export function integerBias(bias: Tensor, inputScale: number, weightScales: Float32Array): IntegerBias | undefined {
  const values = viewAs(tensorBytes(bias), Float32Array)
  const scales = weightScales.map((scale) => inputScale * scale)
  const fits = scales.length === 1 || (bias.dims.at(-1) === scales.length && values.length === scales.length)
  return fits ? { values: quantizeBias(values, scales), dims: bias.dims, scales } : undefined
}
