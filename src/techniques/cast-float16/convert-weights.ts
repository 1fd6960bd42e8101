// float32 weights → float16: values too large for float16 become its largest, values too small its smallest (so that no weight turns
// into infinity or vanishes), all others round to the nearest, ties to even. Zeros, infinities and NaN stay what they are.

import { encodeFloat16, roundSpecial } from '../../core/numeric/float16'
import { makeTensor, tensorBytes, type Tensor } from '../../core/model/tensor'

// Bit patterns of positive float32 values, which order as the values do.
/** 65504, the largest finite float16. */
const LARGEST = 0x477fe000
const INFINITE = 0x7f800000
/** 2^-24, the smallest positive float16, as the converter of ONNX Runtime writes it: 5.96e-8. */
const SMALLEST = 0x337ffae5
/** Bit patterns of float16. */
const LARGEST_HALF = 0x7bff
const SMALLEST_HALF = 1
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
  const raw = new Uint8Array(values.buffer)
  let clampedCount = 0
  const clamp = (pattern: number): number => {
    const magnitude = pattern & 0x7fffffff
    const sign = (pattern >>> 16) & 0x8000
    if (magnitude > 0 && magnitude < SMALLEST) return sign | SMALLEST_HALF
    if (magnitude <= LARGEST || magnitude >= INFINITE) return roundSpecial(pattern)
    clampedCount++
    return sign | LARGEST_HALF
  }
  for (let start = 0; start < count; start += CHUNK_VALUES) {
    const length = Math.min(CHUNK_VALUES, count - start)
    raw.set(bytes.subarray(4 * start, 4 * (start + length)))
    encodeFloat16(values.subarray(0, length), bits.subarray(start, start + length), clamp)
  }
  return { bits, clampedCount }
}

/** The tensor in float16 under `name`. Throws `model/missing-external-data` where its bytes are not attached. */
export function float16Tensor(
  tensor: Tensor,
  name: string,
): { readonly tensor: Tensor; readonly clampedCount: number } {
  const { bits, clampedCount } = convertToFloat16(tensorBytes(tensor))
  return { tensor: makeTensor(name, 'float16', tensor.dims, bits), clampedCount }
}
