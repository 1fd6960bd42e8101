// float32 weights → float16: values too large for float16 become its largest, values too small its smallest (so that no weight turns
// into infinity or vanishes), all others round to the nearest, ties to even. Zeros, infinities and NaN stay what they are.

import { encodeFloat16, FLOAT16_MAX, FLOAT16_MIN_POSITIVE } from '../../core/numeric/float16'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'

/** The converter of ONNX Runtime writes 2^-24 as 5.96e-8 and compares with that number; so does this one. */
const SMALLEST = Math.fround(5.96e-8)

export interface Converted {
  readonly bits: Uint16Array
  /** Finite values that were too large. */
  readonly clampedCount: number
}

export function convertToFloat16(values: Float32Array): Converted {
  const clamped = values.slice()
  let clampedCount = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const magnitude = Math.abs(value)
    // False for NaN and infinity, which stay.
    const isTooLarge = magnitude > FLOAT16_MAX && magnitude < Infinity
    if (!isTooLarge && !(magnitude > 0 && magnitude < SMALLEST)) continue
    clamped[i] = Math.sign(value) * (isTooLarge ? FLOAT16_MAX : FLOAT16_MIN_POSITIVE)
    if (isTooLarge) clampedCount++
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
