// Tells trained numbers from everything else that a file keeps as constants: scales and zero points, shapes, axes, scalars of formulas.
// Decided by where a constant goes in, not by its name.

import { dtypeFacts, isFloat } from '../model/dtype'
import { intAttribute, type Node } from '../model/node'
import { tensorCount, type Tensor } from '../model/tensor'

/** One place where a constant is read. */
export interface ConstantUse {
  readonly node: Node
  /** Position among the node's inputs. */
  readonly input: number
  /** Of a node with two inputs: what makes the other one, before it is cast to another type. */
  readonly partner: Node | undefined
}

interface QuantizedSlots {
  /** Inputs that hold integer weights or biases. */
  readonly weights: readonly number[]
  /** Inputs that hold scales and zero points. */
  readonly parameters: readonly number[]
}

const UNARY: QuantizedSlots = { weights: [], parameters: [1, 2, 3, 4] }
const BINARY: QuantizedSlots = { weights: [0, 3], parameters: [1, 2, 4, 5, 6, 7] }
const PLAIN_INTEGER: QuantizedSlots = { weights: [0, 1], parameters: [2, 3] }

const QUANTIZED: ReadonlyMap<string, QuantizedSlots> = new Map([
  ['ConvInteger', PLAIN_INTEGER],
  ['DequantizeLinear', { weights: [0], parameters: [1, 2] }],
  ['DynamicQuantizeLSTM', { weights: [1, 2], parameters: [8, 9, 10, 11] }],
  ['DynamicQuantizeMatMul', { weights: [1], parameters: [2, 3] }],
  ['GatherBlockQuantized', { weights: [0], parameters: [2, 3] }],
  ['MatMulBnb4', { weights: [1], parameters: [2] }],
  ['MatMulInteger', PLAIN_INTEGER],
  ['MatMulIntegerToFloat', { weights: [0, 1], parameters: [2, 3, 4, 5] }],
  ['MatMulNBits', { weights: [1], parameters: [2, 3] }],
  ['QAttention', { weights: [1], parameters: [3, 4, 6, 7] }],
  ['QEmbedLayerNormalization', { weights: [2, 3, 4, 5, 6], parameters: [8, 9, 10, 11, 12, 13, 14, 15, 16, 17] }],
  ['QGemm', { weights: [0, 3, 6], parameters: [1, 2, 4, 5, 7, 8] }],
  ['QLinearAdd', BINARY],
  ['QLinearAveragePool', UNARY],
  ['QLinearConv', { weights: [0, 3, 8], parameters: [1, 2, 4, 5, 6, 7] }],
  ['QLinearGlobalAveragePool', UNARY],
  ['QLinearLeakyRelu', UNARY],
  ['QLinearMatMul', BINARY],
  ['QLinearMul', BINARY],
  ['QLinearSigmoid', UNARY],
  ['QLinearSoftmax', UNARY],
  ['QuantizeLinear', { weights: [], parameters: [1, 2] }],
])

/** Float inputs that state sizes or limits. */
const SETTINGS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Clip', [1, 2]],
  ['Dropout', [1]],
  ['Pad', [2]],
  ['Range', [0, 1, 2]],
  ['Resize', [1, 2]],
  ['Upsample', [1]],
])

const MAKES_SCALED: ReadonlySet<string> = new Set(['ConvInteger', 'DynamicQuantizeLinear', 'MatMulInteger'])

/** The node computes on integer weights: the model has been quantized already. */
export const isQuantizedOp = (node: Node): boolean =>
  node.opType !== 'QuantizeLinear' && QUANTIZED.has(node.opType) && ['', 'com.microsoft'].includes(node.domain)

/** How many trained numbers a constant stands for; 0 when it is something else. */
export function parametersIn(tensor: Tensor, uses: readonly ConstantUse[]): number {
  if (tensor.dims.length === 0) return 0
  if (isFloat(tensor.dtype)) return uses.some((use) => !isSetting(use)) ? tensorCount(tensor) : 0
  return uses.reduce((most, use) => Math.max(most, integerParameters(tensor, use)), 0)
}

function isSetting({ node, input, partner }: ConstantUse): boolean {
  if (QUANTIZED.get(node.opType)?.parameters.includes(input)) return true
  if (SETTINGS.get(node.opType)?.includes(input)) return true
  // Integer sums are multiplied by the product of both scales. With dynamic ranges that of the activation is made at run time.
  return node.opType === 'Mul' && partner !== undefined && MAKES_SCALED.has(partner.opType)
}

function integerParameters(tensor: Tensor, { node, input }: ConstantUse): number {
  if (node.opType === 'Gather') return input === 0 && isSmallInteger(tensor) ? tensorCount(tensor) : 0
  if (!QUANTIZED.get(node.opType)?.weights.includes(input)) return 0
  if (node.opType === 'MatMulNBits' || node.opType === 'MatMulBnb4') {
    return intAttribute(node, 'K', 0) * intAttribute(node, 'N', 0)
  }
  const isPacked = node.opType === 'GatherBlockQuantized' && tensor.dtype === 'uint8'
  return tensorCount(tensor) * (isPacked ? 8 / intAttribute(node, 'bits', 4) : 1)
}

function isSmallInteger(tensor: Tensor): boolean {
  const facts = dtypeFacts(tensor.dtype)
  return facts !== undefined && facts.bits > 0 && facts.bits <= 8 && facts.family !== 'bool'
}
