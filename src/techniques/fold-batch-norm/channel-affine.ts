// Reads an operator as "scale and shift per channel": batch normalization in inference, and Mul, Div, Add, Sub by a constant.
// Answers with the reason where it is not one.

import { floatsOf, isFloating } from '../../core/model/float-values'
import { floatAttribute, intAttribute, type Node } from '../../core/model/node'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import type { Affine } from '../../core/model/linear-layer'
import { batchNormAffine } from './affine'

/** The value that the operator reads: channels lie on axis 1. */
export interface ChannelValue {
  readonly name: string
  readonly channels: number
  readonly rank: number
}

type Lookup = (value: string) => Tensor | undefined

/** `opset`: of ai.onnx; the meaning of the operator's attributes and outputs depends on it. */
export function batchNormOf(node: Node, value: ChannelValue, opset: number, constant: Lookup): Affine | string {
  const reason = trainingReason(node, opset)
  if (reason) return reason
  const parameters: (Float32Array | Float64Array)[] = []
  for (const name of node.inputs.slice(1, 5)) {
    const tensor = constant(name)
    if (!tensor) return `its parameter "${name}" is not a constant`
    if (!isFloating(tensor)) return `its parameter "${name}" is ${tensor.dtype}`
    if (tensorCount(tensor) !== value.channels) return `its parameter "${name}" does not have one number per channel`
    parameters.push(floatsOf(tensor))
  }
  const [gamma, beta, mean, variance] = parameters
  if (!gamma || !beta || !mean || !variance) return 'it lacks parameters'
  const affine = batchNormAffine({ gamma, beta, mean, variance, epsilon: floatAttribute(node, 'epsilon', 1e-5) })
  return isFinite(affine) ? affine : 'its parameters give numbers that are not finite'
}

function trainingReason(node: Node, opset: number): string | undefined {
  if (node.inputs[0] === undefined || node.inputs.length < 5) return 'it lacks parameters'
  if (opset < 9 && intAttribute(node, 'spatial', 1) === 0) return 'it normalizes each position on its own (spatial = 0)'
  const training = opset < 7 ? intAttribute(node, 'is_test', 0) === 0 : intAttribute(node, 'training_mode', 0) !== 0
  if (training) return 'it is in training mode'
  return node.outputs.slice(1).some((name) => name !== '') ? 'it has outputs for training' : undefined
}

/** Mul, Div, Add or Sub of `value` and a constant that is one number or one per channel. */
export function scaleOrShiftOf(node: Node, value: ChannelValue, opset: number, constant: Lookup): Affine | string {
  // Before opset 7 the alignment of the operands was an attribute.
  if (opset < 7) return 'its operands are aligned in the old way (opset below 7)'
  const position = node.inputs.indexOf(value.name)
  const operand = constant(node.inputs[1 - position] ?? '')
  if (!operand) return 'its other operand is not a constant'
  const numbers = isFloating(operand) && numberPerChannel(operand, value)
  if (!numbers) return 'its constant is not one number per channel'
  const ones = new Float64Array(value.channels).fill(1)
  const zeros = new Float64Array(value.channels)
  switch (node.opType) {
    case 'Mul':
      return { scale: numbers, shift: zeros }
    case 'Add':
      return { scale: ones, shift: numbers }
    case 'Sub':
      return position === 0
        ? { scale: ones, shift: numbers.map((number) => -number) }
        : { scale: ones.map((one) => -one), shift: numbers }
    case 'Div':
      if (position !== 0) return 'it divides by the value'
      if (numbers.some((number) => number === 0)) return 'it divides by zero'
      return { scale: numbers.map((number) => 1 / number), shift: zeros }
    default:
      return 'it is not a scale or a shift'
  }
}

/** Broadcasts right-aligned, as ONNX does: all sizes must be 1 but the one at axis 1 of the value. */
function numberPerChannel(tensor: Tensor, { channels, rank }: ChannelValue): Float64Array | undefined {
  if (tensor.dims.length > rank) return undefined
  const channelAxis = tensor.dims.length - (rank - 1)
  const fits = tensor.dims.every((dim, axis) => dim === 1 || (axis === channelAxis && dim === channels))
  if (!fits) return undefined
  const numbers = floatsOf(tensor)
  return numbers.length === channels ? Float64Array.from(numbers) : new Float64Array(channels).fill(numbers[0] ?? 0)
}

const isFinite = ({ scale, shift }: Affine): boolean => scale.every(Number.isFinite) && shift.every(Number.isFinite)
