// The integers of a stored weight as numbers, whatever their width.

import { tensorBytes, tensorCount, viewAs, type Tensor } from '../core/model/tensor'
import { unpackSubByte } from '../core/numeric/pack-sub-byte'

/** Undefined for types that are no integers of 16 bits or less. */
export function integerNumbers(
  tensor: Tensor,
): { readonly numbers: Int8Array | Uint8Array | Int16Array | Uint16Array; readonly bits: number } | undefined {
  const bytes = tensorBytes(tensor)
  switch (tensor.dtype) {
    case 'int8':
      return { numbers: viewAs(bytes, Int8Array), bits: 8 }
    case 'uint8':
      return { numbers: bytes, bits: 8 }
    case 'int16':
      return { numbers: viewAs(bytes, Int16Array), bits: 16 }
    case 'uint16':
      return { numbers: viewAs(bytes, Uint16Array), bits: 16 }
    case 'int4':
    case 'uint4':
      return { numbers: unpackSubByte(bytes, 4, tensorCount(tensor), tensor.dtype === 'int4'), bits: 4 }
    default:
      return undefined
  }
}
