// The numbers of a tensor at run time, whatever they are stored as.

import { LabError } from '../errors/lab-error'
import { decodeFloat16 } from '../numeric/float16'
import type { TensorValue } from './tensor-value'

/** float16 and bfloat16 are decoded, 64-bit integers become float64. Throws `data/invalid` for strings. */
export function outputNumbers({ dtype, data }: TensorValue): ArrayLike<number> {
  if (dtype === 'float16' && data instanceof Uint16Array) return decodeFloat16(data)
  if (dtype === 'bfloat16' && data instanceof Uint16Array) {
    return new Float32Array(Uint32Array.from(data, (pattern) => pattern << 16).buffer)
  }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number)
  if ('BYTES_PER_ELEMENT' in data) return data
  throw new LabError('data/invalid', `A tensor of type ${dtype} cannot be read as numbers.`, { dtype })
}
