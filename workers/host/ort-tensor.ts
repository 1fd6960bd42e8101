// Converts tensors between our plain values and ONNX Runtime's, without copying where both keep the same bytes.
// float16 is Uint16Array bits on our side, whatever the runtime uses (Float16Array where the browser has it).

import type { Tensor } from 'onnxruntime-web/wasm'

import { LabError } from '../../src/core/errors/lab-error'
import type { KnownDType } from '../../src/core/model/dtype'
import type { NumericArray, TensorValue } from '../../src/core/pass/tensor-value'

/** What the runtime takes as graph inputs and gives as outputs, with the array that holds it on our side. */
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Partial<Record<KnownDType, new (size: number) => NumericArray>>
type ArrayDType = keyof typeof ARRAYS
type RuntimeDType = ArrayDType | 'string'

const isArrayDType = (dtype: string): dtype is ArrayDType => Object.hasOwn(ARRAYS, dtype)

/** Throws `model/unsupported` for types that cannot cross the graph's boundary, such as int4 and bfloat16. */
export function runtimeDType(dtype: string, name: string): RuntimeDType {
  if (isArrayDType(dtype) || dtype === 'string') return dtype
  const known = [...Object.keys(ARRAYS), 'string']
  const message = `Tensor "${name}" has type ${dtype}; the runtime takes and returns ${known.join(', ')}.`
  throw new LabError('model/unsupported', message, { tensor: name, dtype, expected: known })
}

/** Throws `data/invalid` when the data are not what `dtype` and `dims` say. */
export function toRuntimeTensor(value: TensorValue, name: string, make: typeof Tensor): Tensor {
  const dtype = runtimeDType(value.dtype, name)
  const count = value.dims.reduce((product, dim) => product * dim, 1)
  if (value.data.length !== count) {
    const message = `Tensor "${name}" holds ${value.data.length} values, expected ${count} for [${value.dims.join(', ')}].`
    throw new LabError('data/invalid', message, { tensor: name })
  }
  if (dtype === 'string') return new make('string', value.data as string[], value.dims)
  if (!(value.data instanceof ARRAYS[dtype])) {
    const got = value.data.constructor.name
    const message = `Tensor "${name}" of type ${dtype} is held in ${got}, expected ${ARRAYS[dtype].name}.`
    throw new LabError('data/invalid', message, { tensor: name, dtype })
  }
  return new make(dtype, value.data as never, value.dims)
}

/** The data belong to the caller afterwards. Waits for the device where the tensor is on one. */
export async function fromRuntimeTensor(tensor: Tensor, name: string): Promise<TensorValue> {
  const dtype = runtimeDType(tensor.type, name)
  const data = await tensor.getData(true)
  const dims = [...tensor.dims]
  if (dtype === 'string') return { dtype, dims, data: data as string[] }
  const held = data as NumericArray
  if (held instanceof ARRAYS[dtype]) return { dtype, dims, data: held }
  // Float16Array: same bytes under another view.
  return { dtype, dims, data: new Uint16Array(held.buffer, held.byteOffset, held.length) }
}
