// The operators that multiply with constant weights and add a bias per output channel, and how their channels lie in the weight.

import { isFloating } from './float-values'
import { floatAttribute, intAttribute, intsAttribute, isOp, stringAttribute, type Node } from './node'
import { tensorCount, type Tensor } from './tensor'

/** How output channels lie in a weight: `[groups, rows, channels, inner]`, flattened; channels count within their group. */
export interface ChannelLayout {
  readonly groups: number
  readonly rows: number
  readonly channels: number
  readonly inner: number
}

/** y[c] = scale[c] · x[c] + shift[c]. */
export interface Affine {
  readonly scale: Float64Array
  readonly shift: Float64Array
}

export interface LinearLayer {
  readonly node: Node
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly layout: ChannelLayout
  readonly channels: number
  /** What the node multiplies its bias by (`beta` of Gemm). */
  readonly biasFactor: number
}

export const isLinear = ({ opType, domain }: Node): boolean =>
  domain === '' && ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'].includes(opType)

/** The reason, as the end of a sentence, where the weights cannot be changed. */
export function linearLayerOf(
  node: Node,
  opset: number,
  constant: (value: string) => Tensor | undefined,
): LinearLayer | string {
  // Before opset 7 an attribute of Gemm said how its bias broadcasts.
  if (opset < 7 && (node.opType === 'Gemm' || node.opType === 'MatMul')) return 'its opset is below 7'
  const weight = constant(node.inputs[1] ?? '')
  if (!weight) return 'the weights before it are not constant'
  if (!isFloating(weight)) return `the weights before it are ${weight.dtype}`
  const layout = layoutOf(node, weight)
  if (!layout) return 'the weights before it have an unexpected shape'
  const channels = layout.groups * layout.channels
  const bias = biasOf(node, constant, weight, channels)
  if (typeof bias === 'string') return bias
  const biasFactor = node.opType === 'Gemm' && bias ? floatAttribute(node, 'beta', 1) : 1
  return { node, weight, bias, layout, channels, biasFactor }
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

/** How both kinds of channels lie in a weight: `[groups, outputs, inputs, inner]` or `[groups, inputs, outputs, inner]`, flattened. */
export interface WeightGrid {
  readonly groups: number
  /** Of one group, as are `inputs`. */
  readonly outputs: number
  readonly inputs: number
  readonly inner: number
  readonly outputsFirst: boolean
}

/** Undefined where the channels of the input are not its columns (transA of Gemm). */
export function weightGridOf({ node, weight }: LinearLayer): WeightGrid | undefined {
  const [first = 0, second = 0, ...kernel] = weight.dims
  const inner = kernel.reduce((product, dim) => product * dim, 1)
  const groups = isConvolution(node) ? intAttribute(node, 'group', 1) : 1
  if (groups < 1 || first % groups !== 0) return undefined
  const outputsFirst = isOp(node, 'Conv') || (isOp(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0)
  if (isOp(node, 'Gemm') && intAttribute(node, 'transA', 0) !== 0) return undefined
  const [outputs, inputs] = outputsFirst ? [first / groups, second] : [second, first / groups]
  return { groups, outputs, inputs, inner, outputsFirst }
}

export const isConvolution = (node: Node): boolean => isOp(node, 'Conv') || isOp(node, 'ConvTranspose')

/** Whether a convolution sees zeros around its input. */
export function isPadded(node: Node): boolean {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET')
  if (mode === 'VALID') return false
  return mode !== 'NOTSET' && mode !== '' ? true : (intsAttribute(node, 'pads')?.some((pad) => pad !== 0) ?? false)
}
