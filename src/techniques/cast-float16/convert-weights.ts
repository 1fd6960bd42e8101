// float32 weights → float16: values too large for float16 become its largest, values too small its smallest (so that no weight turns
// into infinity or vanishes), all others round to the nearest, ties to even. Zeros, infinities and NaN stay what they are.

import { encodeFloat16, FLOAT16_MAX, FLOAT16_MIN_POSITIVE } from '../../core/numeric/float16'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'

const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0
/** Bit patterns of positive float32 values, which order as the values do. */
const LARGEST = bitsOf(FLOAT16_MAX)
const INFINITE = bitsOf(Infinity)
const TINIEST = bitsOf(FLOAT16_MIN_POSITIVE)
/** The converter of ONNX Runtime writes 2^-24 as 5.96e-8 and compares with that number; so does this one. */
const SMALLEST = bitsOf(5.96e-8)

export interface Converted {
  readonly bits: Uint16Array
  /** Finite values that were too large. */
  readonly clampedCount: number
}

export function convertToFloat16(values: Float32Array): Converted {
  const clamped = values.slice()
  const patterns = new Uint32Array(clamped.buffer)
  let clampedCount = 0
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i] as number
    const magnitude = pattern & 0x7fffffff
    if (magnitude > LARGEST && magnitude < INFINITE) {
      patterns[i] = (pattern & 0x80000000) | LARGEST
      clampedCount++
    } else if (magnitude < SMALLEST && magnitude > 0) patterns[i] = (pattern & 0x80000000) | TINIEST
  }
  return { bits: encodeFloat16(clamped), clampedCount }
}

/** The tensor in float16 under `name`. Throws `model/missing-external-data` where its bytes are not attached. */
export function float16Tensor(
  tensor: Tensor,
  name: string,
): { readonly tensor: Tensor; readonly clampedCount: number } {
  const { bits, clampedCount } = convertToFloat16(viewAs(tensorBytes(tensor), Float32Array))
  return { tensor: makeTensor(name, 'float16', tensor.dims, bits), clampedCount }
}
