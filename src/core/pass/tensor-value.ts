// A tensor at run time: what goes into an engine and comes out of it.

import type { KnownDType } from '../model/dtype'

/** float16 and bfloat16 are their bit patterns in a Uint16Array, bool is 0/1 in a Uint8Array. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

export interface TensorValue {
  readonly dtype: KnownDType
  readonly dims: readonly number[]
  readonly data: NumericArray | readonly string[]
}

/** One value per graph input (feeds) or output. Plain data, survives structured clone. */
export type NamedValues = Readonly<Record<string, TensorValue>>
