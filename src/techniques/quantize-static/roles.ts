// What each operator can be in a quantized graph. The lists follow what ONNX Runtime's WASM build fuses into integer kernels from
// DequantizeLinear → operator → QuantizeLinear at its highest optimization level; anything else would only pay for the conversions.

import type { GraphIndex } from '../../core/model/graph-index'
import type { TypeScope } from '../../core/model/infer-shapes'
import { floatAttribute, intAttribute, isOp, stringAttribute, type Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import type { StaticOptions } from './spec'
import { channelAxis } from './tensor-format'

export interface Layer {
  /** Inputs that are computed while the model runs. */
  readonly activations: readonly string[]
  readonly weight?: { readonly tensor: Tensor; readonly input: number; readonly axis: number | undefined }
  /** A constant bias, to be stored as int32. */
  readonly bias?: Tensor
  /** A constant left factor: quantized like an activation, as kernels take weights on the right only. */
  readonly left?: Tensor
}

/** Heavy operators that people expect to be quantized, and that have no integer kernel. */
export const FLOAT_ONLY: ReadonlySet<string> = new Set(['ConvTranspose', 'LSTM', 'GRU', 'RNN'])

/**
 * `pass`: moves or selects values, integers and their scale unchanged. `compute`: has an integer kernel with a scale of its own.
 * `probabilities`: the same, with results in 0…1. `bound`: Relu and Clip, see removable.ts.
 */
export type FollowerRole = 'pass' | 'compute' | 'probabilities' | 'bound'

const ROLES: Readonly<Record<string, FollowerRole>> = {
  Relu: 'bound',
  Clip: 'bound',
  MaxPool: 'pass',
  AveragePool: 'pass',
  Reshape: 'pass',
  Transpose: 'pass',
  Flatten: 'pass',
  Squeeze: 'pass',
  Unsqueeze: 'pass',
  Slice: 'pass',
  Split: 'pass',
  Gather: 'pass',
  DepthToSpace: 'pass',
  Resize: 'pass',
  Add: 'compute',
  Mul: 'compute',
  Concat: 'compute',
  Sigmoid: 'compute',
  LeakyRelu: 'compute',
  GlobalAveragePool: 'compute',
  Softmax: 'probabilities',
}

export function followerRole(node: Node, index: GraphIndex): FollowerRole | undefined {
  if (!isOp(node, node.opType) || !Object.hasOwn(ROLES, node.opType)) return undefined
  const role = ROLES[node.opType]
  if (role === 'pass' && index.constant(node.inputs[0] ?? '')) return undefined
  if (isOp(node, 'Resize') && !isPlainResize(node)) return undefined
  return role
}

/** Cubic and antialiased resizing overshoot the range of their input or have no 8-bit kernel. */
const isPlainResize = (node: Node): boolean =>
  stringAttribute(node, 'mode', 'nearest') !== 'cubic' &&
  intAttribute(node, 'antialias', 0) === 0 &&
  stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') !== 'tf_crop_and_resize'

/** A layer, the reason why a Conv, Gemm or MatMul stays in float, or undefined for any other operator. */
export function decideLayer(
  node: Node,
  index: GraphIndex,
  types: TypeScope,
  options: StaticOptions,
): Layer | string | undefined {
  if (!isOp(node, 'Conv') && !isOp(node, 'Gemm') && !isOp(node, 'MatMul')) return undefined
  if (node.inputs.some((name) => isOp(index.producer(name) ?? NONE, 'DequantizeLinear')))
    return 'it is quantized already.'
  const activations = node.inputs.slice(0, 2).filter((name) => index.constant(name) === undefined)
  if (activations.length === 0) return 'it only has constant inputs; fold constants first.'
  const other = node.inputs.slice(0, 2).find((name) => !isFloat32(types, name))
  if (other !== undefined) return `"${other}" is not known to be float32.`
  if (isOp(node, 'MatMul')) return decideMatMul(node, index, activations, options)
  if (activations.length > 1 || index.constant(node.inputs[0] ?? '')) return 'its weight is not a constant.'
  return isOp(node, 'Conv')
    ? decideConv(node, index, activations, options)
    : decideGemm(node, index, activations, options)
}

const NONE: Node = { name: '', opType: '', domain: '', inputs: [], outputs: [], attributes: new Map() }

export const isFloat32 = (types: TypeScope, value: string): boolean => {
  const type = types.type(value)
  return type?.kind === 'tensor' && type.dtype === 'float32'
}

function decideConv(
  node: Node,
  index: GraphIndex,
  activations: readonly string[],
  options: StaticOptions,
): Layer | string {
  const tensor = index.constant(node.inputs[1] ?? '')
  if (!tensor) return 'its weight is not a constant.'
  if (!options.depthwise && intAttribute(node, 'group', 1) > 1 && tensor.dims[1] === 1) {
    return 'depthwise convolutions are slower in integers (an option takes them too).'
  }
  const weight = { tensor, input: 1, axis: channelAxis(tensor, 0, options) }
  return { activations, weight, ...biasOf(node, index) }
}

function decideGemm(
  node: Node,
  index: GraphIndex,
  activations: readonly string[],
  options: StaticOptions,
): Layer | string {
  const tensor = index.constant(node.inputs[1] ?? '')
  if (!tensor) return 'its weight is not a constant.'
  if (!Number.isFinite(floatAttribute(node, 'alpha', 1) * floatAttribute(node, 'beta', 1)))
    return 'alpha or beta is not finite.'
  const outputs = intAttribute(node, 'transB', 0) !== 0 ? 0 : 1
  const weight = { tensor, input: 1, axis: channelAxis(tensor, outputs, options) }
  return { activations, weight, ...biasOf(node, index) }
}

function decideMatMul(node: Node, index: GraphIndex, activations: readonly string[], options: StaticOptions): Layer {
  const left = index.constant(node.inputs[0] ?? '')
  if (left) return { activations, left }
  const tensor = index.constant(node.inputs[1] ?? '')
  if (!tensor) return { activations }
  // Kernels take one scale per column of a matrix, not of a stack of them.
  const axis = channelAxis(tensor, tensor.dims.length === 2 ? options.matMulAxis : undefined, options)
  return { activations, weight: { tensor, input: 1, axis } }
}

function biasOf(node: Node, index: GraphIndex): Pick<Layer, 'bias'> {
  const bias = index.constant(node.inputs[2] ?? '')
  return bias?.dtype === 'float32' ? { bias } : {}
}
