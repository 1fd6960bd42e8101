// A constant tensor: its type and where its bytes are. Bytes are never copied up front: `bytes` is a view into the file,
// usually not aligned to the element size, so read numbers with `readNumbers`/`readBigInts`, not with a typed array on its buffer.

import { LabError } from '../errors/lab-error'
import type { Carried } from './carried'
import { dtypeBytes, type DType } from './dtype'

export type TensorData =
  /** Row-major, little-endian, sub-byte types packed: the layout of `raw_data`. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'strings'; readonly values: readonly Uint8Array[] }
  /** Weights in another file that has not been attached yet. Offsets and lengths in bytes. */
  | { readonly kind: 'external'; readonly location: string; readonly offset: number; readonly length?: number }

export interface Tensor {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly data: TensorData
  /** How the file stored the data, so that an untouched tensor is written back in the same form. Default `raw`. */
  readonly field?: 'raw' | 'typed'
  readonly carried?: Carried
}

export const tensorCount = (tensor: Tensor): number => tensor.dims.reduce((product, dim) => product * dim, 1)

/** Bytes of the tensor's data; strings count their UTF-8 bytes. */
export function tensorSizeBytes(tensor: Tensor): number {
  switch (tensor.data.kind) {
    case 'bytes':
      return tensor.data.bytes.byteLength
    case 'strings':
      return tensor.data.values.reduce((sum, value) => sum + value.byteLength, 0)
    case 'external':
      return tensor.data.length ?? dtypeBytes(tensor.dtype, tensorCount(tensor)) ?? 0
    default:
      return tensor.data satisfies never
  }
}

/** The raw bytes. Throws `model/missing-external-data` when they are not attached, `model/unsupported` for strings. */
export function tensorBytes(tensor: Tensor): Uint8Array {
  const { data } = tensor
  if (data.kind === 'bytes') return data.bytes
  if (data.kind === 'external') {
    const message = `Tensor "${tensor.name}" is stored in "${data.location}", which was not given.`
    throw new LabError('model/missing-external-data', message, { tensor: tensor.name, location: data.location })
  }
  throw new LabError('model/unsupported', `Tensor "${tensor.name}" holds strings, numbers were expected.`, {
    tensor: tensor.name,
  })
}

type ArrayClass<A> = { new (buffer: ArrayBufferLike, byteOffset: number, length: number): A; BYTES_PER_ELEMENT: number }

/** A typed view of `bytes` where its offset is aligned, else of a copy. The caller must not write to it. */
export function viewAs<A>(bytes: Uint8Array, type: ArrayClass<A>): A {
  const length = Math.floor(bytes.byteLength / type.BYTES_PER_ELEMENT)
  if (bytes.byteOffset % type.BYTES_PER_ELEMENT === 0) return new type(bytes.buffer, bytes.byteOffset, length)
  return new type(bytes.slice().buffer, 0, length)
}

/** The bytes of a typed array, without a copy. */
export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** A tensor that Lathe made, from a typed array (used by reference). `dtype` must match the array's layout. */
export const makeTensor = (name: string, dtype: DType, dims: readonly number[], array: ArrayBufferView): Tensor => ({
  name,
  dtype,
  dims,
  data: { kind: 'bytes', bytes: bytesOf(array) },
})
