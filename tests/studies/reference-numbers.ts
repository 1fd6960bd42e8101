// The numbers of a tensor, for a reader of a comparison.

import { tensorBytes, tensorCount, viewAs, type Tensor } from '../../src/core/model/tensor'

const ARRAYS = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  /** Bit patterns. */
  float16: Uint16Array,
  bool: Uint8Array,
} as const
type Numbers = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | BigInt64Array

/** 4-bit types are unpacked; types that no comparison holds give their bytes. */
export function numbersOf(tensor: Tensor): readonly (number | bigint)[] {
  const { dtype } = tensor
  const bytes = tensorBytes(tensor)
  if (dtype === 'int4' || dtype === 'uint4') {
    const nibbles = [...bytes].flatMap((byte) => [byte & 15, byte >> 4]).slice(0, tensorCount(tensor))
    return dtype === 'uint4' ? nibbles : nibbles.map((nibble) => (nibble > 7 ? nibble - 16 : nibble))
  }
  return dtype in ARRAYS ? [...viewAs<Numbers>(bytes, ARRAYS[dtype as keyof typeof ARRAYS])] : [...bytes]
}
