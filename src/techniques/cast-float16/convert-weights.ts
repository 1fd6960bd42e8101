// float32 weights → float16: values too large for float16 become its largest, values too small its smallest (so that no weight turns
// into infinity or vanishes), all others round to the nearest, ties to even. Zeros, infinities and NaN stay what they are.

import { encodeFloat16, FLOAT16_MAX, FLOAT16_MIN_POSITIVE } from '../../core/numeric/float16'
import { makeTensor, tensorBytes, type Tensor } from '../../core/model/tensor'

const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0
/** Bit patterns of positive float32 values, which order as the values do. */
const LARGEST = bitsOf(FLOAT16_MAX)
const INFINITE = bitsOf(Infinity)
const TINIEST = bitsOf(FLOAT16_MIN_POSITIVE)
/** The converter of ONNX Runtime writes 2^-24 as 5.96e-8 and compares with that number; so does this one. */
const SMALLEST = bitsOf(5.96e-8)
/** Converted at a time, so that memory holds the result and no second copy of the weight. */
const CHUNK_VALUES = 16384

export interface Converted {
  readonly bits: Uint16Array
  /** Finite values that were too large. */
  readonly clampedCount: number
}

/** `bytes`: float32 values, little-endian, aligned or not. */
export function convertToFloat16(bytes: Uint8Array): Converted {
  const count = Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT)
  const bits = new Uint16Array(count)
  const values = new Float32Array(Math.min(CHUNK_VALUES, count))
  const patterns = new Uint32Array(values.buffer)
  const raw = new Uint8Array(values.buffer)
  let clampedCount = 0
  for (let start = 0; start < count; start += CHUNK_VALUES) {
    const length = Math.min(CHUNK_VALUES, count - start)
    raw.set(bytes.subarray(4 * start, 4 * (start + length)))
    clampedCount += clamp(patterns, length)
    encodeFloat16(values.subarray(0, length), bits.subarray(start, start + length))
  }
  return { bits, clampedCount }
}

/** In place; returns how many finite values were too large. */
function clamp(patterns: Uint32Array, length: number): number {
  let clampedCount = 0
  for (let i = 0; i < length; i++) {
    const pattern = patterns[i] as number
    const magnitude = pattern & 0x7fffffff
    if (magnitude > LARGEST && magnitude < INFINITE) {
      patterns[i] = (pattern & 0x80000000) | LARGEST
      clampedCount++
    } else if (magnitude < SMALLEST && magnitude > 0) patterns[i] = (pattern & 0x80000000) | TINIEST
  }
  return clampedCount
}

/** The tensor in float16 under `name`. Throws `model/missing-external-data` where its bytes are not attached. */
export function float16Tensor(
  tensor: Tensor,
  name: string,
): { readonly tensor: Tensor; readonly clampedCount: number } {
  const { bits, clampedCount } = convertToFloat16(tensorBytes(tensor))
  return { tensor: makeTensor(name, 'float16', tensor.dims, bits), clampedCount }
}
