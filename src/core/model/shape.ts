// Shapes and value types as ONNX states them (TypeProto, TensorShapeProto).

import type { Carried } from './carried'
import type { DType } from './dtype'

/** A size, a symbolic name such as `batch`, or null where nothing is known. */
export type Dim = number | string | null
/** `undefined` instead of a shape means that not even the rank is known; `[]` is a scalar. */
export type Shape = readonly Dim[]

export type ValueType =
  | { readonly kind: 'tensor'; readonly dtype: DType; readonly shape?: Shape | undefined; readonly carried?: Carried }
  | { readonly kind: 'sparse'; readonly dtype: DType; readonly shape?: Shape | undefined; readonly carried?: Carried }
  | { readonly kind: 'sequence'; readonly element?: ValueType; readonly carried?: Carried }
  | { readonly kind: 'optional'; readonly element?: ValueType; readonly carried?: Carried }
  /** Map and opaque types: we do not look inside, `carried` holds the original. */
  | { readonly kind: 'other'; readonly carried?: Carried }

/** A named value with its declared or inferred type (ValueInfoProto). */
export interface ValueInfo {
  readonly name: string
  readonly type?: ValueType | undefined
  readonly carried?: Carried
}

/** Number of elements, or undefined when a dimension is not a number. */
export function elementCount(shape: Shape | undefined): number | undefined {
  if (!shape) return undefined
  let count = 1
  for (const dim of shape) {
    if (typeof dim !== 'number') return undefined
    count *= dim
  }
  return count
}

/** `[batch, 3, 224, 224]`, with `?` for what is unknown. */
export const formatShape = (shape: Shape | undefined): string =>
  shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : '[…]'
