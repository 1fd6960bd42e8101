// The contents of small tensors, carried along during shape inference: shape vectors, axes, pads, the scalars of a `Range`.
// Items are numbers (booleans 0 and 1), symbolic names that came out of `Shape`, or null where unknown. Nothing here holds more than
// `MAX_ITEMS` items, so that a hostile file cannot make inference allocate; results above that are undefined.

import { dtypeBytes, dtypeFacts, isFloat, type DType } from '../dtype'
import type { Dim } from '../shape'
import { tensorCount, viewAs, type Tensor } from '../tensor'

const MAX_ITEMS = 1024
/** Float constants are only of interest as scales of a `Resize` or limits of a `Range`. */
const MAX_FLOAT_ITEMS = 16

export interface SmallTensor {
  readonly dims: readonly number[]
  /** Row-major. */
  readonly items: readonly Dim[]
}

export const smallScalar = (item: Dim): SmallTensor => ({ dims: [], items: [item] })
export const smallVector = (items: readonly Dim[]): SmallTensor => ({ dims: [items.length], items })

/** Element count when it is small enough to carry the contents, else undefined. */
export function smallCount(dims: readonly Dim[]): number | undefined {
  let count = 1
  for (const dim of dims) {
    if (typeof dim !== 'number' || dim < 0) return undefined
    count *= dim
  }
  return count <= MAX_ITEMS ? count : undefined
}

/** The contents of a constant when they are few, numeric and present. int64 beyond 2^53 is rounded: such values only mean "to the end". */
export function readSmallTensor(tensor: Tensor): SmallTensor | undefined {
  const count = tensorCount(tensor)
  if (tensor.data.kind !== 'bytes' || count < 0 || count > (isFloat(tensor.dtype) ? MAX_FLOAT_ITEMS : MAX_ITEMS))
    return undefined
  if (tensor.data.bytes.byteLength < (dtypeBytes(tensor.dtype, count) ?? Infinity)) return undefined
  const numbers = READERS.get(tensor.dtype)?.(tensor.data.bytes)
  return numbers && { dims: tensor.dims, items: numbers.slice(0, count) }
}

const READERS: ReadonlyMap<DType, (bytes: Uint8Array) => readonly number[]> = new Map([
  ['int64', (bytes: Uint8Array) => Array.from(viewAs(bytes, BigInt64Array), Number)],
  ['uint64', (bytes: Uint8Array) => Array.from(viewAs(bytes, BigUint64Array), Number)],
  ['int32', (bytes: Uint8Array) => [...viewAs(bytes, Int32Array)]],
  ['uint32', (bytes: Uint8Array) => [...viewAs(bytes, Uint32Array)]],
  ['int16', (bytes: Uint8Array) => [...viewAs(bytes, Int16Array)]],
  ['uint16', (bytes: Uint8Array) => [...viewAs(bytes, Uint16Array)]],
  ['int8', (bytes: Uint8Array) => [...viewAs(bytes, Int8Array)]],
  ['uint8', (bytes: Uint8Array) => [...bytes]],
  ['bool', (bytes: Uint8Array) => [...bytes]],
  ['float32', (bytes: Uint8Array) => [...viewAs(bytes, Float32Array)]],
  ['float64', (bytes: Uint8Array) => [...viewAs(bytes, Float64Array)]],
])

/** Brings a computed number to what `dtype` can hold: rounded for float32, unknown where an integer type would overflow. */
export function fitItem(value: number, dtype: DType): Dim {
  const facts = dtypeFacts(dtype)
  if (!facts || Number.isNaN(value)) return null
  if (facts.family === 'bool') return value === 0 ? 0 : 1
  if (facts.family === 'float') return facts.bits === 64 ? value : facts.bits === 32 ? Math.fround(value) : null
  if (facts.family !== 'int' && facts.family !== 'uint') return null
  const whole = Math.trunc(value) + 0
  const signed = facts.family === 'int'
  const limit = 2 ** (signed ? facts.bits - 1 : facts.bits)
  const fits = Number.isSafeInteger(whole) && whole < limit && whole >= (signed ? -limit : 0)
  return fits ? whole : null
}

/** Builds a tensor of `dims` whose item at each multi-index is `item(index)`; undefined when that were too many. */
function build(dims: readonly number[], item: (index: readonly number[]) => Dim): SmallTensor | undefined {
  const count = smallCount(dims)
  if (count === undefined) return undefined
  const index = new Array<number>(dims.length).fill(0)
  const items: Dim[] = []
  for (let at = 0; at < count; at++) {
    items.push(item(index))
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1
      index[axis] = next < (dims[axis] ?? 0) ? next : 0
      if (index[axis] !== 0) break
    }
  }
  return { dims, items }
}

/** The item at a multi-index; indices of axes with one element are ignored, missing leading axes too (broadcasting). */
function itemAt({ dims, items }: SmallTensor, index: readonly number[]): Dim {
  let position = 0
  const skip = index.length - dims.length
  dims.forEach((dim, axis) => (position = position * dim + (dim === 1 ? 0 : (index[axis + skip] ?? 0))))
  return items[position] ?? null
}

/** Same items under other dims of the same count. */
export function reshapeSmall(value: SmallTensor, dims: readonly Dim[]): SmallTensor | undefined {
  if (smallCount(dims) !== value.items.length) return undefined
  return { dims: dims.filter((dim) => typeof dim === 'number'), items: value.items }
}

export function broadcastSmall(value: SmallTensor, dims: readonly number[]): SmallTensor | undefined {
  return build(dims, (index) => itemAt(value, index))
}

export function transposeSmall(value: SmallTensor, order: readonly number[]): SmallTensor | undefined {
  return build(
    order.map((axis) => value.dims[axis] ?? 0),
    (index) => {
      const source = new Array<number>(order.length).fill(0)
      order.forEach((axis, at) => (source[axis] = index[at] ?? 0))
      return itemAt(value, source)
    },
  )
}

/** `steps[axis]` elements apart from `starts[axis]` on, `dims[axis]` of them. */
export function sliceSmall(
  value: SmallTensor,
  dims: readonly number[],
  starts: readonly number[],
  steps: readonly number[],
): SmallTensor | undefined {
  return build(dims, (index) =>
    itemAt(
      value,
      index.map((at, axis) => (starts[axis] ?? 0) + at * (steps[axis] ?? 1)),
    ),
  )
}

export function gatherSmall(value: SmallTensor, indices: SmallTensor, axis: number): SmallTensor | undefined {
  const size = value.dims[axis] ?? 0
  const before = value.dims.slice(0, axis)
  return build([...before, ...indices.dims, ...value.dims.slice(axis + 1)], (index) => {
    const picked = itemAt(indices, index.slice(axis, axis + indices.dims.length))
    if (typeof picked !== 'number' || picked < -size || picked >= size) return null
    const at = picked < 0 ? picked + size : picked
    return itemAt(value, [...index.slice(0, axis), at, ...index.slice(axis + indices.dims.length)])
  })
}

export function concatSmall(values: readonly SmallTensor[], axis: number): SmallTensor | undefined {
  const [first] = values
  if (!first) return undefined
  const sizes = values.map(({ dims }) => dims[axis] ?? 0)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const dims = first.dims.map((dim, at) => (at === axis ? total : dim))
  return build(dims, (index) => {
    let at = index[axis] ?? 0
    const from = values.findIndex((_, part) => (at < (sizes[part] ?? 0) ? true : ((at -= sizes[part] ?? 0), false)))
    const source = values[from]
    return source ? itemAt(source, index.with(axis, at)) : null
  })
}

/** Applies `item` to the broadcast operands; undefined where one operand is, or the shapes do not fit. */
export function mapSmall(
  values: readonly (SmallTensor | undefined)[],
  item: (items: readonly Dim[]) => Dim,
): SmallTensor | undefined {
  const operands: SmallTensor[] = []
  for (const value of values) {
    if (!value) return undefined
    operands.push(value)
  }
  const dims = broadcastSizes(operands.map((operand) => operand.dims))
  return dims && build(dims, (index) => item(operands.map((operand) => itemAt(operand, index))))
}

function broadcastSizes(shapes: readonly (readonly number[])[]): readonly number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  const dims = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    for (let back = 1; back <= shape.length; back++) {
      const size = shape[shape.length - back] ?? 1
      const at = rank - back
      if (dims[at] === 1) dims[at] = size
      else if (size !== 1 && size !== dims[at]) return undefined
    }
  }
  return dims
}
