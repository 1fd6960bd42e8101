// What must change in a node when the ai.onnx opset rises past a version that redefined its operator: the table of such operators from
// MIN_OPSET to MAX_OPSET, read off the ONNX schemas. Redefinitions that keep old nodes valid (more types, a new optional input
// or attribute, a reworded text) need nothing and are not listed.

import { intAttribute, stringAttribute, type Node } from '../model/node'
import { makeTensor, viewAs } from '../model/tensor'
import {
  floatToInput,
  int,
  intsToInput,
  newNode,
  tensorType,
  text,
  unsupported,
  withAttributes,
  withInput,
  withoutAttributes,
  withoutTail,
  type UpgradeContext,
} from './upgrade-edits'

/** The newest opset whose redefinitions are in the table. */
export const MAX_OPSET = 26
/** Nearly every operator was redefined right after the opsets before. */
export const MIN_OPSET = 6

/** Returns the nodes that take the place of `node`; throws `model/unsupported` where none can. */
type Upgrade = (node: Node, context: UpgradeContext) => readonly Node[]

const axesToInput: Upgrade = (node, context) => [intsToInput(node, 'axes', 1, context)]

/** Opset 13 gave the operator one axis; before, everything from `axis` on was one row. */
const softmaxOnOneAxis: Upgrade = (node, context) => {
  const axis = intAttribute(node, 'axis', 1)
  const shape = tensorType(node.inputs[0], context)?.shape
  const position = shape && axis < 0 ? axis + shape.length : axis
  const isRow = shape?.slice(position + 1).every((dim) => dim === 1)
  if (axis === -1 || isRow) return [withAttributes(node, { axis: int(axis) })]
  const [x = '', y = ''] = [node.inputs[0], node.outputs[0]]
  const [rows, result, dims] = ['rows', 'result', 'dims'].map((part) => context.freshName(`${y}_${part}`))
  if (rows === undefined || result === undefined || dims === undefined) return []
  return [
    newNode('Flatten', [x], rows, context, { axis: int(axis) }),
    newNode('Shape', [x], dims, context),
    { ...withAttributes(node, { axis: int(-1) }), inputs: [rows], outputs: [result] },
    newNode('Reshape', [result, dims], y, context),
  ]
}

/** Before opset 7 the second input was lined up with the axes of the first from `axis` on, only when `broadcast` was set. */
const numpyBroadcast: Upgrade = (node, context) => {
  const axis = intAttribute(node, 'axis', undefined)
  const plain = withoutAttributes(node, 'axis', 'broadcast')
  if (axis === undefined || intAttribute(node, 'broadcast', 0) === 0) return [plain]
  return lineUp(plain, axis, context)
}

/** Puts ones behind the shape of the second input, so that its first axis meets `axis` of the first input. */
function lineUp(node: Node, axis: number, context: UpgradeContext): readonly Node[] {
  const [a, b] = [node.inputs[0], node.inputs[1]]
  const [rankA, rankB] = [a, b].map((value) => tensorType(value, context)?.shape?.length)
  if (rankA === undefined || rankB === undefined) {
    throw unsupported(node, context.opset, 'the ranks of its inputs are not known')
  }
  const behind = rankA - rankB - (axis < 0 ? axis + rankA : axis)
  if (behind <= 0) return [node]
  const linedUp = context.freshName(`${b}_lined_up`)
  const axes = Array.from({ length: behind }, (_, index) => BigInt(rankB + index))
  return [
    newNode('Unsqueeze', [b ?? ''], linedUp, context, { axes: { kind: 'ints', value: axes } }),
    withInput(node, 1, linedUp),
  ]
}

/** `is_test` chose between training, the default, and inference; from opset 7 on the operator infers. */
const inferenceOnly: Upgrade = (node) => {
  if (intAttribute(node, 'is_test', 0) === 0) throw unsupported(node, 7, 'it trains (is_test = 0)')
  return [withoutAttributes(node, 'is_test')]
}

const withoutOutputSequence: Upgrade = (node) => [withoutAttributes(node, 'output_sequence')]

const UPGRADES: Readonly<Record<string, Readonly<Record<number, Upgrade>>>> = {
  Add: { 7: numpyBroadcast },
  And: { 7: numpyBroadcast },
  BatchNormalization: {
    7: inferenceOnly,
    9: (node) => {
      if (intAttribute(node, 'spatial', 1) === 0) throw unsupported(node, 9, 'it has one scale per value (spatial = 0)')
      return [withoutAttributes(node, 'spatial')]
    },
    14: (node) => {
      const isTraining = node.outputs.slice(1).some((output) => output !== '')
      if (isTraining) throw unsupported(node, 14, 'its statistics are outputs, which mean something else from there on')
      return [{ ...node, outputs: node.outputs.slice(0, 1) }]
    },
  },
  Clip: {
    11: (node, context) => {
      const bounds = ['min', 'max'].map((bound) => floatToInput(node, bound, context))
      return [{ ...withoutAttributes(node, 'min', 'max'), inputs: withoutTail([node.inputs[0] ?? '', ...bounds]) }]
    },
  },
  DFT: {
    20: (node, context) => {
      const axis = BigInt(intAttribute(node, 'axis', 1))
      const input = context.addConstant(`${node.outputs[0]}_axis`, (name) =>
        makeTensor(name, 'int64', [], BigInt64Array.of(axis)),
      )
      return [withInput(withoutAttributes(node, 'axis'), 2, input)]
    },
  },
  Div: { 7: numpyBroadcast },
  Dropout: {
    7: inferenceOnly,
    10: (node) => {
      if (node.outputs[1]) throw unsupported(node, 10, 'its mask changes from a number to a bool')
      return [node]
    },
    12: (node, context) => {
      const ratio = node.attributes.get('ratio')
      if (!ratio) return [node]
      if (ratio.kind !== 'float') throw unsupported(node, 12, 'its ratio is not a number')
      const input = context.addConstant(`${node.outputs[0]}_ratio`, (name) =>
        makeTensor(name, 'float32', [], Float32Array.of(ratio.value)),
      )
      return [withInput(withoutAttributes(node, 'ratio'), 1, input)]
    },
  },
  Equal: { 7: numpyBroadcast },
  GRU: { 7: withoutOutputSequence },
  Gemm: { 7: (node) => [withoutAttributes(node, 'broadcast')] },
  Greater: { 7: numpyBroadcast },
  GridSample: {
    20: (node) => {
      const names: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' }
      const mode = stringAttribute(node, 'mode', 'bilinear')
      return [withAttributes(node, { mode: text(names[mode] ?? mode) })]
    },
  },
  GroupNormalization: {
    21: (node, context) => [scalesPerChannel(node, context)],
  },
  Hardmax: { 13: softmaxOnOneAxis },
  LSTM: { 7: withoutOutputSequence },
  Less: { 7: numpyBroadcast },
  LogSoftmax: { 13: softmaxOnOneAxis },
  Mul: { 7: numpyBroadcast },
  Or: { 7: numpyBroadcast },
  PRelu: { 7: (node, context) => lineUp(node, 1, context) },
  Pad: {
    11: (node, context) => {
      const value = node.attributes.get('value')
      const isZero = value?.kind !== 'float' || value.value === 0
      const fill = isZero ? '' : floatToInput(node, 'value', context)
      const padded = withoutAttributes(intsToInput(node, 'pads', 1, context), 'value')
      return [fill === '' ? padded : withInput(padded, 2, fill)]
    },
  },
  Pow: { 7: numpyBroadcast },
  RNN: { 7: withoutOutputSequence },
  ReduceL1: { 18: axesToInput },
  ReduceL2: { 18: axesToInput },
  ReduceLogSum: { 18: axesToInput },
  ReduceLogSumExp: { 18: axesToInput },
  ReduceMax: { 18: axesToInput },
  ReduceMean: { 18: axesToInput },
  ReduceMin: { 18: axesToInput },
  ReduceProd: { 18: axesToInput },
  ReduceSum: { 13: axesToInput },
  ReduceSumSquare: { 18: axesToInput },
  Resize: { 11: (node, context) => [resizeFromOpset10(node, context)] },
  RoiAlign: {
    16: (node) => [
      withAttributes(node, {
        coordinate_transformation_mode: text(
          stringAttribute(node, 'coordinate_transformation_mode', 'output_half_pixel'),
        ),
      }),
    ],
  },
  Scan: {
    9: (node) => {
      throw unsupported(node, 9, 'it runs over a batch')
    },
  },
  Scatter: { 11: (node) => [{ ...node, opType: 'ScatterElements' }] },
  Slice: {
    10: (node, context) => {
      const withBounds = intsToInput(intsToInput(node, 'starts', 1, context), 'ends', 2, context)
      return [intsToInput(withBounds, 'axes', 3, context)]
    },
  },
  Softmax: { 13: softmaxOnOneAxis },
  Split: {
    13: (node, context) => [intsToInput(node, 'split', 1, context)],
    18: (node) => [node.inputs[1] ? node : withAttributes(node, { num_outputs: int(node.outputs.length) })],
  },
  Squeeze: { 13: axesToInput },
  Sub: { 7: numpyBroadcast },
  TopK: {
    10: (node, context) => {
      const k = BigInt(intAttribute(node, 'k', 0))
      const input = context.addConstant(`${node.outputs[0]}_k`, (name) =>
        makeTensor(name, 'int64', [1], BigInt64Array.of(k)),
      )
      return [withInput(withoutAttributes(node, 'k'), 1, input)]
    },
  },
  Unsqueeze: { 13: axesToInput },
  Upsample: {
    7: (node) => {
      throw unsupported(node, 7, 'it has a scale per axis of an image')
    },
    9: (node, context) => {
      const scales = node.attributes.get('scales')
      if (scales?.kind !== 'floats') throw unsupported(node, 9, 'it has no scales')
      const input = context.addConstant(`${node.outputs[0]}_scales`, (name) =>
        makeTensor(name, 'float32', [scales.value.length], Float32Array.from(scales.value)),
      )
      return [withInput(withoutAttributes(node, 'scales'), 1, input)]
    },
    10: (node) => [{ ...node, opType: 'Resize' }],
  },
  Xor: { 7: numpyBroadcast },
}

/** The nodes that do at opset `context.opset` what `node` does one opset below. */
export function upgradeNode(node: Node, context: UpgradeContext): readonly Node[] {
  const upgrade = node.domain === '' ? UPGRADES[node.opType]?.[context.opset] : undefined
  if (!upgrade) return [node]
  const referring = [...node.attributes].find(([, { kind }]) => kind === 'reference')
  if (referring) throw unsupported(node, context.opset, `its attribute "${referring[0]}" comes from a function call`)
  return upgrade(node, context)
}

/** Before opset 21 there was one scale and one shift per group; since then there is one per channel. */
function scalesPerChannel(node: Node, context: UpgradeContext): Node {
  const channels = tensorType(node.inputs[0], context)?.shape?.[1]
  const groups = intAttribute(node, 'num_groups', 0)
  if (typeof channels !== 'number' || groups < 1 || channels % groups !== 0) {
    throw unsupported(node, 21, 'it has one scale per group and the number of channels is not known')
  }
  const repeated = node.inputs.slice(1, 3).map((name) => {
    const tensor = context.constant(name)
    if (tensor?.data.kind !== 'bytes' || tensor.dims[0] !== groups) {
      throw unsupported(node, 21, `it has one scale per group, which is no constant ("${name}")`)
    }
    const bytes = repeatElements(tensor.data.bytes, groups, channels / groups)
    return context.addConstant(`${name}_per_channel`, (fresh) => makeTensor(fresh, tensor.dtype, [channels], bytes))
  })
  return { ...node, inputs: [node.inputs[0] ?? '', ...repeated] }
}

/** Each of `count` elements `times` times in a row. */
function repeatElements(bytes: Uint8Array, count: number, times: number): Uint8Array {
  const size = bytes.byteLength / count
  const repeated = new Uint8Array(bytes.byteLength * times)
  for (let at = 0; at < count * times; at++) {
    const element = Math.floor(at / times)
    repeated.set(bytes.subarray(element * size, (element + 1) * size), at * size)
  }
  return repeated
}

/** Opset 10 put pixel corners on top of each other and took the pixel before. */
function resizeFromOpset10(node: Node, context: UpgradeContext): Node {
  const [x = '', scales = ''] = node.inputs
  const isNearest = stringAttribute(node, 'mode', 'nearest') === 'nearest'
  const factors = context.constant(scales)
  const isEnlarging = factors?.data.kind === 'bytes' && viewAs(factors.data.bytes, Float32Array).every((s) => s >= 1)
  if (isNearest && !isEnlarging) throw unsupported(node, 11, 'it may shrink, where the nearest pixel was not defined')
  const roi = context.addConstant(`${node.outputs[0]}_roi`, (name) =>
    makeTensor(name, 'float32', [0], new Float32Array()),
  )
  return {
    ...withAttributes(node, {
      coordinate_transformation_mode: text('asymmetric'),
      ...(isNearest && { nearest_mode: text('floor') }),
    }),
    inputs: [x, roi, scales],
  }
}
