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

/** Inputs that are transposed at once: as many streams as a core follows well, and their numbers share a cache line of the target. */
const STREAMS = 8

/** Fills `into` with the rows from `first` on, k float32 values each, as many as fit. */
export function readRows({ tensor, n, k, layout }: BlockWeight, first: number, into: Float32Array): void {
  const source = tensorBytes(tensor)
  if (layout === 'rows') {
    bytesOf(into).set(source.subarray(4 * first * k, 4 * first * k + into.byteLength))
    return
  }
  const count = into.length / k
  // Files are seldom aligned to four bytes, so pieces of columns go through a small aligned array.
  const piece = new Float32Array(STREAMS * count)
  const pieceBytes = bytesOf(piece)
  for (let input = 0; input < k; input += STREAMS) {
    const streams = Math.min(STREAMS, k - input)
    for (let i = 0; i < streams; i++) {
      const at = 4 * ((input + i) * n + first)
      pieceBytes.set(source.subarray(at, at + 4 * count), 4 * i * count)
    }
    if (streams === STREAMS) scatterEight(piece, count, into, input, k)
    else for (let i = 0; i < streams; i++) scatter(piece.subarray(i * count, (i + 1) * count), into, input + i, k)
  }
}

// The hot loops. They stand alone, on numbers and typed arrays only, because engines compile them several times faster that way.

function scatter(stream: Float32Array, into: Float32Array, start: number, k: number): void {
  for (let i = 0, at = start; i < stream.length; i++, at += k) into[at] = stream[i] as number
}

/** Eight streams at once: three times as fast as one after the other. */
function scatterEight(piece: Float32Array, count: number, into: Float32Array, start: number, k: number): void {
  for (let i = 0, at = start; i < count; i++, at += k) {
    into[at] = piece[i] as number
    into[at + 1] = piece[i + count] as number
    into[at + 2] = piece[i + 2 * count] as number
    into[at + 3] = piece[i + 3 * count] as number
    into[at + 4] = piece[i + 4 * count] as number
    into[at + 5] = piece[i + 5 * count] as number
    into[at + 6] = piece[i + 6 * count] as number
    into[at + 7] = piece[i + 7 * count] as number
  }
}

/** Whether no value is NaN or infinite, told by the bit patterns: an exponent of all ones carries into the sign. */
export function areFinite(values: Float32Array): boolean {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length)
  let carry = 0
  for (let i = 0; i < patterns.length; i++) carry |= ((patterns[i] as number) & 0x7f80_0000) + 0x0080_0000
  return (carry | 0) >= 0
}
