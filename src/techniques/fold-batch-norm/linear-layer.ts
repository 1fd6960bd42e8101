// The operators that can take a scale and a shift per output channel into their weights, and how they do it.

import { floatAttribute, intAttribute, type Node } from '../../core/model/node'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import type { Affine, ChannelLayout } from './affine'
import { scaleChannels } from './affine'
import { floatsOf, isFloating } from './channel-affine'

export interface LinearLayer {
  readonly node: Node
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly layout: ChannelLayout
  readonly channels: number
  /** Rank of the output; its channels lie on axis 1. */
  readonly rank: number
  /** What the node multiplies its bias by (`beta` of Gemm). */
  readonly biasFactor: number
}

export interface FoldedWeights {
  readonly weight: Float32Array | Float64Array
  readonly bias: Float32Array | Float64Array
}

export const isLinear = ({ opType, domain }: Node): boolean =>
  domain === '' && ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'].includes(opType)

/** The reason, as the end of a sentence, where the weights cannot be changed. `rankOf` knows the rank of a value, or not. */
export function linearLayerOf(
  node: Node,
  opset: number,
  constant: (value: string) => Tensor | undefined,
  rankOf: (value: string) => number | undefined,
): LinearLayer | string {
  // Before opset 7 an attribute of Gemm said how its bias broadcasts.
  if (opset < 7 && (node.opType === 'Gemm' || node.opType === 'MatMul')) return 'its opset is below 7'
  const weight = constant(node.inputs[1] ?? '')
  if (!weight) return 'the weights before it are not constant'
  if (!isFloating(weight)) return `the weights before it are ${weight.dtype}`
  if (node.opType === 'MatMul' && rankOf(node.inputs[0] ?? '') !== 2)
    return 'the MatMul before it is not a matrix product'
  const layout = layoutOf(node, weight)
  if (!layout) return 'the weights before it have an unexpected shape'
  const channels = layout.groups * layout.channels
  const bias = biasOf(node, constant, weight, channels)
  if (typeof bias === 'string') return bias
  const rank = node.opType === 'Gemm' || node.opType === 'MatMul' ? 2 : weight.dims.length
  const biasFactor = node.opType === 'Gemm' && bias ? floatAttribute(node, 'beta', 1) : 1
  return { node, weight, bias, layout, channels, rank, biasFactor }
}

function layoutOf(node: Node, { dims }: Tensor): ChannelLayout | undefined {
  const [first, second, ...kernel] = dims
  if (first === undefined || second === undefined) return undefined
  const inner = kernel.reduce((product, dim) => product * dim, 1)
  switch (node.opType) {
    case 'Conv':
      return kernel.length > 0 ? { groups: 1, rows: 1, channels: first, inner: second * inner } : undefined
    case 'ConvTranspose': {
      const groups = intAttribute(node, 'group', 1)
      return kernel.length > 0 && first % groups === 0
        ? { groups, rows: first / groups, channels: second, inner }
        : undefined
    }
    case 'Gemm':
      if (kernel.length > 0) return undefined
      return intAttribute(node, 'transB', 0)
        ? { groups: 1, rows: 1, channels: first, inner: second }
        : { groups: 1, rows: first, channels: second, inner: 1 }
    default:
      return kernel.length === 0 ? { groups: 1, rows: first, channels: second, inner: 1 } : undefined
  }
}

function biasOf(
  node: Node,
  constant: (value: string) => Tensor | undefined,
  weight: Tensor,
  channels: number,
): Tensor | undefined | string {
  const name = node.opType === 'MatMul' ? '' : (node.inputs[2] ?? '')
  if (name === '') return undefined
  const bias = constant(name)
  if (!bias) return 'the bias before it is not constant'
  if (bias.dtype !== weight.dtype) return `the bias before it is ${bias.dtype}`
  const count = tensorCount(bias)
  // The bias of Gemm broadcasts to [rows, channels]; one that differs between rows is no bias per channel.
  const perChannel = count === 1 || (count === channels && bias.dims.at(-1) === channels)
  return perChannel ? bias : 'the bias before it is not one number per channel'
}

/** W′ = scale · W, b′ = scale · β · b + shift, in float64 and rounded once. Undefined where a result is not finite. */
export function foldInto(layer: LinearLayer, { scale, shift }: Affine): FoldedWeights | undefined {
  const weights = floatsOf(layer.weight)
  const weight = scaleChannels(weights, layer.layout, scale)
  const before = layer.bias && floatsOf(layer.bias)
  const bias = weights instanceof Float64Array ? new Float64Array(layer.channels) : new Float32Array(layer.channels)
  for (let c = 0; c < layer.channels; c++) {
    const old = before ? (before[before.length === 1 ? 0 : c] as number) * layer.biasFactor : 0
    bias[c] = old * (scale[c] as number) + (shift[c] as number)
  }
  return weight.every(Number.isFinite) && bias.every(Number.isFinite) ? { weight, bias } : undefined
}
