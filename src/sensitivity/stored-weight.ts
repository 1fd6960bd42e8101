// Weights as techniques store them, read back as integers with the scale and zero point of each: DequantizeLinear of a constant, MatMulInteger
// and ConvInteger with their scales, and MatMulNBits. Which float weight each was is found by its name.

import type { Graph } from '../core/model/graph'
import { indexGraph, type GraphIndex } from '../core/model/graph-index'
import { intAttribute, isOp, type Node } from '../core/model/node'
import { floatsOf } from '../core/model/float-values'
import { tensorBytes, tensorCount, type Tensor } from '../core/model/tensor'
import { channelLayout, scaleIndex, type ScaleLayout } from '../core/numeric/scale-layout'
import { integerNumbers } from './integer-numbers'

/** Integers q with real values (q − zero) · scale, by the position of the element. */
interface IntegerForm {
  readonly count: number
  readonly grain: Grain
  integer(i: number): number
  scale(i: number): number
  zero(i: number): number
}

/** One scale for all, one per index of an axis, or one per block along it. */
export type Grain = 'tensor' | 'channel' | 'block'

export interface WeightPair {
  /** Of the float weight. */
  readonly name: string
  readonly dims: readonly number[]
  /** Of the integers. */
  readonly dtype: string
  readonly bits: number
  readonly isSigned: boolean
  readonly form: IntegerForm
  /** The float weight in the order of the form. */
  floats(): ArrayLike<number>
}

/** Weights of the main graph that are float32 in `float` and integers in `changed`, one by one: each may be large. */
export function* weightPairs(float: Graph, changed: Graph): Generator<WeightPair> {
  const index = indexGraph(changed)
  const floats = indexGraph(float)
  const seen = new Set<string>()
  for (const node of changed.nodes) {
    const stored = storedWeight(node, index)
    const name = stored && originalName(stored.name, floats)
    const original = name === undefined ? undefined : floats.constant(name)
    if (!stored || name === undefined || seen.has(name) || original?.dtype !== 'float32') continue
    const form = stored.open(name)
    if (!form || form.count !== tensorCount(original)) continue
    seen.add(name)
    const { dtype, bits, isSigned } = stored
    yield {
      ...{ name, dims: original.dims, dtype, bits, isSigned, form },
      floats: () => (stored.isTransposed(original.dims) ? transposed(original) : floatsOf(original)),
    }
  }
}

interface StoredWeight extends Pick<WeightPair, 'dtype' | 'bits' | 'isSigned'> {
  /** Of the tensor of integers. */
  readonly name: string
  /** Whether it is the transpose of a float weight of these dimensions. */
  isTransposed(dims: readonly number[]): boolean
  /** Its numbers, when the float weight is called `name`; undefined in a form that is not known. */
  open(name: string): IntegerForm | undefined
}

function storedWeight(node: Node, index: GraphIndex): StoredWeight | undefined {
  const constant = (input: number): Tensor | undefined => index.constant(node.inputs[input] ?? '')
  if (node.opType === 'DequantizeLinear') {
    return linearWeight(constant(0), () => constant(1), constant(2), intAttribute(node, 'axis', 1))
  }
  if (isOp(node, 'MatMulInteger') || isOp(node, 'ConvInteger')) {
    const axis = isOp(node, 'MatMulInteger') ? -1 : 0
    return linearWeight(constant(1), (name) => index.constant(`${name}_scale`), constant(3), axis)
  }
  return isOp(node, 'MatMulNBits', 'com.microsoft') ? blockWeight(node, index) : undefined
}

/** Per tensor, per index of an axis, or in blocks along one, as the shape of the scale says. */
function linearWeight(
  values: Tensor | undefined,
  scaleOf: (name: string) => Tensor | undefined,
  zero: Tensor | undefined,
  axis: number,
): StoredWeight | undefined {
  const integers = values && integerNumbers(values)
  if (!integers || values.dims.length === 0) return undefined
  const { dims, dtype } = values
  const along = axis < 0 ? axis + dims.length : axis
  const zeros = zero && integerNumbers(zero)?.numbers
  return {
    ...{ name: values.name, dtype, bits: integers.bits, isSigned: !dtype.startsWith('u') },
    isTransposed: (original) =>
      original.length === 2 && dims.length === 2 && original[0] !== original[1] && original[0] === dims[1],
    open: (name) => {
      const scale = scaleOf(name)
      if (scale?.dtype !== 'float32') return undefined
      const scales = floatsOf(scale)
      const layout = layoutOf(dims, scale.dims, along)
      const at = (i: number): number => scaleIndex(layout, i)
      return {
        count: integers.numbers.length,
        grain: scales.length === 1 ? 'tensor' : scales.length === dims[along] ? 'channel' : 'block',
        integer: (i) => integers.numbers[i] ?? NaN,
        scale: (i) => scales[at(i)] ?? NaN,
        zero: (i) => zeros?.[zeros.length === 1 ? 0 : at(i)] ?? 0,
      }
    },
  }
}

/** One scale, one per index of the axis, or one per block along it, as the shape of the scales says. */
function layoutOf(dims: readonly number[], scaleDims: readonly number[], axis: number): ScaleLayout {
  const count = scaleDims.reduce((product, dim) => product * dim, 1)
  const length = dims[axis] ?? 1
  if (count === 1) return channelLayout(dims, undefined)
  return channelLayout(dims, axis, count === length ? undefined : Math.ceil(length / (scaleDims[axis] ?? 1)))
}

function blockWeight(node: Node, index: GraphIndex): StoredWeight | undefined {
  const [values, scale, zero] = [1, 2, 3].map((at) => index.constant(node.inputs[at] ?? ''))
  if (values?.dtype !== 'uint8' || scale?.dtype !== 'float32' || (zero && zero.dtype !== 'uint8')) return undefined
  const [k, n, size, bits] = ['K', 'N', 'block_size', 'bits'].map((name) => intAttribute(node, name, 4))
  if (!k || !n || !size || !bits) return undefined
  const blocks = Math.ceil(k / size)
  const scales = floatsOf(scale)
  const codes = tensorBytes(values)
  const zeros = zero && tensorBytes(zero)
  const perByte = 8 / bits
  const code = (bytes: Uint8Array, row: number, at: number): number =>
    ((bytes[row + Math.floor(at / perByte)] ?? 0) >> ((at % perByte) * bits)) & (2 ** bits - 1)
  const rowOf = (i: number): number => Math.floor(i / k)
  const blockOf = (i: number): number => Math.floor((i % k) / size)
  const form: IntegerForm = {
    count: n * k,
    grain: 'block',
    integer: (i) => code(codes, ((rowOf(i) * blocks + blockOf(i)) * size) / perByte, (i % k) % size),
    scale: (i) => scales[rowOf(i) * blocks + blockOf(i)] ?? NaN,
    zero: (i) => (zeros ? code(zeros, rowOf(i) * Math.ceil(blocks / perByte), blockOf(i)) : 2 ** (bits - 1)),
  }
  return {
    ...{ name: values.name, dtype: `uint${bits}`, bits, isSigned: false },
    isTransposed: () => true,
    open: () => form,
  }
}

function transposed(original: Tensor): Float64Array {
  const values = floatsOf(original)
  const columns = original.dims.at(-1) ?? 1
  const rows = tensorCount(original) / columns
  return Float64Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? NaN)
}

/** Techniques name what they store after the float weight; the longest float name that it begins with is the one. */
function originalName(stored: string, floats: GraphIndex): string | undefined {
  for (let length = stored.length; length > 0; length--) {
    const name = stored.slice(0, length)
    if (floats.constant(name)?.dtype === 'float32') return name
  }
  return undefined
}
