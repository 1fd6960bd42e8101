// Reader of NumPy's array files: `.npy` (format 1 to 3) and `.npz`, a zip of them. Little-endian and C order only, which is what
// NumPy writes unless told otherwise; everything else is refused by name, nothing is converted silently.

import { unzipSync } from 'fflate'
import { LabError } from '../core/errors/lab-error'
import type { KnownDType } from '../core/model/dtype'
import { viewAs } from '../core/model/tensor'
import type { NumericArray, TensorValue } from '../core/pass/tensor-value'

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
const MAX_RANK = 32
/** All arrays of an `.npz` together, uncompressed. */
const MAX_NPZ_BYTES = 2 ** 31

interface ArrayType {
  readonly dtype: KnownDType
  readonly itemBytes: number
  read(bytes: Uint8Array): NumericArray
}

/** By NumPy's `descr`. float16 stays a bit pattern, bool is one byte. */
const TYPES = new Map<string, ArrayType>([
  ['<f4', { dtype: 'float32', itemBytes: 4, read: (bytes) => viewAs(bytes, Float32Array) }],
  ['<f8', { dtype: 'float64', itemBytes: 8, read: (bytes) => viewAs(bytes, Float64Array) }],
  ['<f2', { dtype: 'float16', itemBytes: 2, read: (bytes) => viewAs(bytes, Uint16Array) }],
  ['|i1', { dtype: 'int8', itemBytes: 1, read: (bytes) => viewAs(bytes, Int8Array) }],
  ['|u1', { dtype: 'uint8', itemBytes: 1, read: (bytes) => bytes }],
  ['|b1', { dtype: 'bool', itemBytes: 1, read: (bytes) => bytes }],
  ['<i2', { dtype: 'int16', itemBytes: 2, read: (bytes) => viewAs(bytes, Int16Array) }],
  ['<u2', { dtype: 'uint16', itemBytes: 2, read: (bytes) => viewAs(bytes, Uint16Array) }],
  ['<i4', { dtype: 'int32', itemBytes: 4, read: (bytes) => viewAs(bytes, Int32Array) }],
  ['<u4', { dtype: 'uint32', itemBytes: 4, read: (bytes) => viewAs(bytes, Uint32Array) }],
  ['<i8', { dtype: 'int64', itemBytes: 8, read: (bytes) => viewAs(bytes, BigInt64Array) }],
  ['<u8', { dtype: 'uint64', itemBytes: 8, read: (bytes) => viewAs(bytes, BigUint64Array) }],
])

/** `name` is for messages. The array is a view into `bytes` where it is aligned. Throws `data/invalid`. */
export function decodeNpy(bytes: Uint8Array, name: string): TensorValue {
  const invalid = (message: string, details = {}): LabError =>
    new LabError('data/invalid', `The NumPy array "${name}" ${message}.`, { array: name, ...details })
  if (bytes.length < 10 || MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw invalid('does not start with the signature of .npy', { byteOffset: 0 })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint8(6)
  if (version < 1 || version > 3) throw invalid(`has format version ${version}, expected 1 to 3`, { byteOffset: 6 })
  const headerStart = version === 1 ? 10 : 12
  if (bytes.length < headerStart) throw invalid('ends within its header')
  const headerEnd = headerStart + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (headerEnd > bytes.length) throw invalid(`claims a header up to byte ${headerEnd}, but has ${bytes.length} bytes`)
  const header = new TextDecoder('utf-8').decode(bytes.subarray(headerStart, headerEnd))

  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1]
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1]
  const shape = /'shape':\s*\(([\d,\sL]*)\)/.exec(header)?.[1]
  if (descr === undefined || order === undefined || shape === undefined) {
    throw invalid('has a header without a plain descr, fortran_order and shape')
  }
  const type = TYPES.get(descr)
  if (!type) throw invalid(`has the type "${descr}", expected one of ${[...TYPES.keys()].join(', ')}`, { descr })
  const dims = (shape.match(/\d+/g) ?? []).map(Number)
  // Fortran order is C order for vectors.
  if (order === 'True' && dims.length > 1) throw invalid('is in Fortran order; save it with np.ascontiguousarray')
  if (dims.length > MAX_RANK) throw invalid(`has ${dims.length} dimensions, at most ${MAX_RANK} are supported`)
  const sizeBytes = dims.reduce((product, dim) => product * dim, type.itemBytes)
  if (sizeBytes !== bytes.length - headerEnd) {
    throw invalid(`of shape (${dims.join(', ')}) takes ${sizeBytes} bytes, the file holds ${bytes.length - headerEnd}`)
  }
  return { dtype: type.dtype, dims, data: type.read(bytes.subarray(headerEnd)) }
}

/** All arrays by name, without the `.npy` of their file names. Throws `data/invalid`. */
export function decodeNpz(bytes: Uint8Array): ReadonlyMap<string, TensorValue> {
  let total = 0
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(bytes, {
      // Asked before anything of that file is inflated.
      filter: ({ name, originalSize }) => {
        total += originalSize
        if (total > MAX_NPZ_BYTES) throw new RangeError(`its arrays take more than ${MAX_NPZ_BYTES} bytes`)
        return name.endsWith('.npy')
      },
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LabError('data/invalid', `The .npz file cannot be opened: ${reason}.`, {}, { cause })
  }
  const arrays = new Map<string, TensorValue>()
  for (const [file, content] of Object.entries(files)) {
    const name = file.slice(0, -'.npy'.length)
    arrays.set(name, decodeNpy(content, name))
  }
  if (arrays.size === 0) throw new LabError('data/invalid', 'The .npz file holds no arrays.')
  return arrays
}
