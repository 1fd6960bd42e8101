// The numbers of a floating point constant, as a typed array.

import { tensorBytes, viewAs, type Tensor } from './tensor'

export const isFloating = (tensor: Tensor): boolean => tensor.dtype === 'float32' || tensor.dtype === 'float64'

/** Numbers of a float32 or float64 tensor. The caller must not write to them. */
export function floatsOf(tensor: Tensor): Float32Array | Float64Array {
  const bytes = tensorBytes(tensor)
  return tensor.dtype === 'float64' ? viewAs(bytes, Float64Array) : viewAs(bytes, Float32Array)
}
