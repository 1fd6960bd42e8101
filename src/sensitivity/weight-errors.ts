// How exactly each stored weight says what it said in float: the ratio of weight and rounding error. Reads the forms that techniques write:
// DequantizeLinear of a constant, MatMulInteger and ConvInteger with their scales, and MatMulNBits.

import type { Graph } from '../core/model/graph'
import { indexGraph, type GraphIndex } from '../core/model/graph-index'
import { intAttribute, isOp, type Node } from '../core/model/node'
import { tensorBytes, tensorCount, viewAs, type Tensor } from '../core/model/tensor'
import { integerNumbers } from './integer-numbers'
import { NoiseSums } from './noise-sums'

export interface WeightError {
  /** Of the float weight. */
  readonly name: string
  readonly sqnrDb: number
  /** Bits of its integers. */
  readonly bits: number
}

/** Weights of the main graph that are float32 in `float` and integers in `changed`. */
export function weightErrors(float: Graph, changed: Graph): readonly WeightError[] {
  const index = indexGraph(changed)
  const floats = indexGraph(float)
  const found = new Map<string, WeightError>()
  for (const node of changed.nodes) {
    const stored = storedWeight(node, index)
    const name = stored && originalName(stored.name, floats)
    const original = name === undefined ? undefined : floats.constant(name)
    if (!stored || name === undefined || original?.dtype !== 'float32') continue
    const restored = stored.restore(name)
    const truth = stored.isTransposed(original.dims) ? transposed(original) : floatsOf(original)
    if (truth.length !== restored?.length) continue
    const sums = new NoiseSums()
    sums.add(truth, restored)
    found.set(name, { name, sqnrDb: sums.sqnrDb, bits: stored.bits })
  }
  return [...found.values()]
}

interface StoredWeight {
  readonly name: string
  readonly bits: number
  /** Whether it is the transpose of a float weight of these dimensions. */
  isTransposed(dims: readonly number[]): boolean
  /** The numbers it stands for, when the float weight is called `name`; undefined in a form that is not known. */
  restore(name: string): ArrayLike<number> | undefined
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
  const { dims } = values
  const zeros = zero && integerNumbers(zero)?.numbers
  return {
    name: values.name,
    bits: integers.bits,
    isTransposed: (original) =>
      original.length === 2 && dims.length === 2 && original[0] !== original[1] && original[0] === dims[1],
    restore: (name) => {
      const scale = scaleOf(name)
      if (scale?.dtype !== 'float32') return undefined
      const scales = floatsOf(scale)
      const at = scaleIndexOf(dims, scale.dims, axis < 0 ? axis + dims.length : axis)
      const zeroOf = (i: number): number => zeros?.[zeros.length === 1 ? 0 : i] ?? 0
      return Float64Array.from(integers.numbers, (q, i) => (q - zeroOf(at(i))) * (scales[at(i)] ?? NaN))
    },
  }
}

/** Which scale belongs to element i. */
function scaleIndexOf(dims: readonly number[], scaleDims: readonly number[], axis: number): (i: number) => number {
  const count = scaleDims.reduce((product, dim) => product * dim, 1)
  if (count === 1) return () => 0
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const length = dims[axis] ?? 1
  if (count === length) return (i) => Math.floor(i / inner) % length
  const blocks = scaleDims[axis] ?? 1
  const size = Math.ceil(length / blocks)
  return (i) => {
    const outer = Math.floor(i / (inner * length))
    const block = Math.floor((Math.floor(i / inner) % length) / size)
    return (outer * blocks + block) * inner + (i % inner)
  }
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
  return {
    name: values.name,
    bits,
    isTransposed: () => true,
    restore: () => {
      const restored = new Float64Array(n * k)
      for (let row = 0; row < n; row++) {
        for (let at = 0; at < k; at++) {
          const block = Math.floor(at / size)
          const middle = zeros ? code(zeros, row * Math.ceil(blocks / perByte), block) : 2 ** (bits - 1)
          const q = code(codes, ((row * blocks + block) * size) / perByte, at % size)
          restored[row * k + at] = (q - middle) * (scales[row * blocks + block] ?? NaN)
        }
      }
      return restored
    },
  }
}

const floatsOf = (tensor: Tensor): Float32Array => viewAs(tensorBytes(tensor), Float32Array)

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
