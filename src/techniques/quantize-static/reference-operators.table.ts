// What each operator marks in the reference toolkit: the marking table of the specification (docs: QDQ registry of
// `onnxruntime.quantization` 1.30). An operator that is not listed marks all its float inputs and outputs.

import { stringAttribute, type Node } from '../../core/model/node'
import { tensorBytes, tensorCount, viewAs } from '../../core/model/tensor'
import { gemmAxis, type ReferenceMarks } from './reference-marks'

type Mark = (node: Node, marks: ReferenceMarks) => void

const everything: Mark = (node, marks) => {
  node.inputs.forEach((_, input) => marks.input(node, input))
  marks.outputs(node)
}

const convolution =
  (axis: number): Mark =>
  (node, marks) => {
    marks.input(node, 0)
    marks.outputs(node)
    marks.bias(node, marks.weight(node, 1, axis))
  }

const gemm: Mark = (node, marks) => {
  marks.input(node, 0)
  marks.outputs(node)
  marks.bias(node, marks.weight(node, 1, gemmAxis(node)), marks.foldBeta(node))
}

/**
 * The axis counts from the end: that of a stack of matrices is not 1, as the reference has it. A vector has no output channels, and the
 * kernel for uint8 on both sides refuses a left factor with several scales.
 */
const matMul: Mark = (node, marks) => {
  const { matMulAxis, activationType, weightType } = marks.options
  const isRefused = activationType === 'uint8' && weightType === 'uint8'
  node.inputs.forEach((_, input) => {
    const rank = marks.constant(node, input)?.dims.length ?? 0
    const hasChannels = rank >= 2 && !(input === 0 && isRefused)
    marks.weight(node, input, hasChannels ? matMulAxis : undefined)
  })
  marks.outputs(node)
}

const normalization: Mark = (node, marks) => {
  marks.input(node, 0)
  marks.bias(node, marks.weight(node, 1, marks.options.normsPerChannel ? 0 : undefined))
  marks.outputs(node)
}

/** Relu and Clip go where the integers before them can do their work; what has no quantized input is left alone. */
const bound: Mark = (node, marks) => {
  if (!marks.isMarked(node.inputs[0] ?? '')) return
  if (!marks.absorb(node)) marks.input(node, 0)
  marks.outputs(node)
}

const passThrough: Mark = (node, marks) => {
  if (marks.options.forcePassThrough) marks.input(node, 0)
  if (marks.isMarked(node.inputs[0] ?? '')) marks.sharedOutputs(node, node.outputs.slice(0, 1))
}

const split: Mark = (node, marks) => {
  marks.input(node, 0)
  marks.sharedOutputs(node)
}

/** Excluded outputs do not concern it, as in the reference: a table that is looked up gives its integers. */
const gather: Mark = (node, marks) => {
  if (marks.options.forcePassThrough || marks.constant(node, 0)) marks.input(node, 0)
  if (marks.isMarked(node.inputs[0] ?? '')) marks.share(node, node.outputs.slice(0, 1))
}

const pad: Mark = (node, marks) => {
  node.inputs.forEach((_, input) => marks.input(node, input))
  if (padsWithOwnValues(node, marks)) marks.sharedOutputs(node)
  else marks.outputs(node)
}

/** The padding lies in the range of the data: copies of it, or zero. */
function padsWithOwnValues(node: Node, marks: ReferenceMarks): boolean {
  const mode = stringAttribute(node, 'mode', 'constant')
  if (mode !== 'constant') return mode === 'reflect' || mode === 'edge' || mode === 'wrap'
  if ((node.inputs[2] ?? '') === '') return true
  const value = marks.constant(node, 2)
  return value !== undefined && tensorCount(value) === 1 && viewAs(tensorBytes(value), Float32Array)[0] === 0
}

const where: Mark = (node, marks) => {
  if (marks.options.forcePassThrough) {
    marks.input(node, 1)
    marks.input(node, 2)
  }
  if ([1, 2].every((input) => marks.isMarked(node.inputs[input] ?? ''))) marks.outputs(node)
}

const RULES: Readonly<Record<string, Mark>> = {
  Conv: convolution(0),
  ConvTranspose: convolution(1),
  Gemm: gemm,
  MatMul: matMul,
  Relu: bound,
  Clip: bound,
  Reshape: passThrough,
  Transpose: passThrough,
  Squeeze: passThrough,
  Unsqueeze: passThrough,
  Flatten: passThrough,
  Resize: passThrough,
  MaxPool: passThrough,
  AveragePool: passThrough,
  Slice: passThrough,
  TopK: passThrough,
  Split: split,
  Gather: gather,
  GatherElements: gather,
  Pad: pad,
  Where: where,
  LayerNormalization: normalization,
  InstanceNormalization: normalization,
  BatchNormalization: normalization,
}

/** Quantized when the options name no operators. */
export const REFERENCE_OPERATORS: ReadonlySet<string> = new Set([
  ...Object.keys(RULES),
  'Add',
  'Mul',
  'Concat',
  'Softmax',
  'Sigmoid',
  'LeakyRelu',
  'GlobalAveragePool',
  'ArgMax',
  'EmbedLayerNormalization',
  'CumSum',
])

export function markByOperator(node: Node, marks: ReferenceMarks): void {
  const rule = node.domain === '' && Object.hasOwn(RULES, node.opType) ? RULES[node.opType] : undefined
  ;(rule ?? everything)(node, marks)
}
