// A weight of the model seen as rows of output channels, whichever way the file stores it, and its readers. Rows are read in panels
// straight from the file's bytes, so a large weight is never copied as a whole.

import type { Node } from '../../core/model/node'
import { bytesOf, tensorBytes, type Tensor } from '../../core/model/tensor'

/** `matrix`: B of a MatMul or Gemm, n output channels of k inputs each. `table`: what a Gather looks rows up in, n rows of k. */
export type WeightRole = 'matrix' | 'table'

export interface BlockWeight {
  /** float32, its bytes attached. */
  readonly tensor: Tensor
  readonly role: WeightRole
  readonly n: number
  readonly k: number
  /** `rows`: stored as [n, k]. `columns`: stored as [k, n], as MatMul has it. */
  readonly layout: 'rows' | 'columns'
  /** The nodes that read it in this role, in graph order; at least one. */
  readonly readers: readonly Node[]
}

/** Fills `into` with the rows from `first` on, k float32 values each, as many as fit. */
export function readRows({ tensor, n, k, layout }: BlockWeight, first: number, into: Float32Array): void {
  readStoredRows({ bytes: tensorBytes(tensor), n, k, layout }, first, into)
}

interface StoredRows extends Pick<BlockWeight, 'n' | 'k' | 'layout'> {
  readonly bytes: Uint8Array
}

export function readStoredRows({ bytes, n, k, layout }: StoredRows, first: number, into: Float32Array): void {
  if (layout === 'rows') {
    bytesOf(into).set(bytes.subarray(4 * first * k, 4 * first * k + into.byteLength))
    return
  }
  // Files are seldom aligned to four bytes, which a DataView does not mind. Bit patterns, so that no NaN is changed on the way.
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const patterns = new Uint32Array(into.buffer, into.byteOffset, into.length)
  const whole = k - (k % STREAMS)
  for (let input = 0; input < whole; input += STREAMS) {
    transposeEight(source, 4 * (input * n + first), 4 * n, patterns.subarray(input), k)
  }
  for (let input = whole; input < k; input++) {
    transposeOne(source, 4 * (input * n + first), patterns.subarray(input), k)
  }
}

/** Inputs that are transposed at once: as many streams as a core follows well, and their numbers share a cache line of the target. */
const STREAMS = 8

// The hot loops. They stand alone, on numbers and typed arrays only, because engines compile them several times faster that way.

function transposeOne(source: DataView, start: number, target: Uint32Array, k: number): void {
  for (let i = 0, at = start; i < target.length; i += k, at += 4) target[i] = source.getUint32(at, true)
}

/** Eight streams, `stride` bytes apart: three times as fast as one after the other. */
function transposeEight(source: DataView, start: number, stride: number, target: Uint32Array, k: number): void {
  for (let i = 0, at = start; i < target.length; i += k, at += 4) {
    target[i] = source.getUint32(at, true)
    target[i + 1] = source.getUint32(at + stride, true)
    target[i + 2] = source.getUint32(at + 2 * stride, true)
    target[i + 3] = source.getUint32(at + 3 * stride, true)
    target[i + 4] = source.getUint32(at + 4 * stride, true)
    target[i + 5] = source.getUint32(at + 5 * stride, true)
    target[i + 6] = source.getUint32(at + 6 * stride, true)
    target[i + 7] = source.getUint32(at + 7 * stride, true)
  }
}

/** Whether no value is NaN or infinite, told by the bit patterns: an exponent of all ones carries into the sign. */
export function areFinite(values: Float32Array): boolean {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length)
  let carry = 0
  for (let i = 0; i < patterns.length; i++) carry |= ((patterns[i] as number) & 0x7f80_0000) + 0x0080_0000
  return (carry | 0) >= 0
}
