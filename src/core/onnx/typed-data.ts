// The typed fields of TensorProto (float_data, int32_data, …) and the raw layout that they stand for. Small integers, bit patterns
// and packed sub-byte elements are int32 numbers there; float data is little-endian already and is used as it is.

import type { LabError } from '../errors/lab-error'
import { dtypeFacts, type DType, type KnownDType } from '../model/dtype'
import { TENSOR } from './schema'
import { WIRE, type WireReader } from './wire-reader'
import { varintSize, writeVarint } from './wire-writer'

const FIELDS: readonly number[] = [
  TENSOR.floatData,
  TENSOR.int32Data,
  TENSOR.int64Data,
  TENSOR.doubleData,
  TENSOR.uint64Data,
]

/** Whether the field of TensorProto holds numbers; strings have a field of their own. */
export const isTypedField = (field: number): boolean => FIELDS.includes(field)

const FIELD_BY_DTYPE: ReadonlyMap<DType, number> = new Map<DType, number>([
  ['float32', TENSOR.floatData],
  ['complex64', TENSOR.floatData],
  ['float64', TENSOR.doubleData],
  ['complex128', TENSOR.doubleData],
  ['int64', TENSOR.int64Data],
  ['uint32', TENSOR.uint64Data],
  ['uint64', TENSOR.uint64Data],
])

/** The field for a type that is not `string`. */
export const typedFieldOf = (dtype: KnownDType): number => FIELD_BY_DTYPE.get(dtype) ?? TENSOR.int32Data

/** Bytes that one number of the typed field becomes in the raw layout. */
const unitBytes = (dtype: DType): number => Math.max(1, (dtypeFacts(dtype)?.bits ?? 8) / 8)

const fixedWire = (field: number): typeof WIRE.fixed32 | typeof WIRE.fixed64 | undefined =>
  field === TENSOR.floatData ? WIRE.fixed32 : field === TENSOR.doubleData ? WIRE.fixed64 : undefined

export interface TypedDataRequest {
  readonly field: number
  /** What `dtype` and `dims` ask for. */
  readonly sizeBytes: number
  /** Bytes of the field in the file: nothing larger than they allow is ever allocated. */
  readonly available: number
  readonly fail: (problem: string) => LabError
}

/** Reads the field, packed or not, into the raw layout. The caller checks the size of a float field. */
export function readTypedData(reader: WireReader, dtype: DType, request: TypedDataRequest): Uint8Array {
  const wire = fixedWire(request.field)
  if (wire !== undefined) return fixedData(reader, request.field, wire)
  const unit = unitBytes(dtype)
  const expected = request.sizeBytes / unit
  if (expected > request.available) {
    throw request.fail(`holds at most ${request.available} numbers, expected ${expected}`)
  }
  const bytes = new Uint8Array(request.sizeBytes)
  const found = fill(bytes, unit, reader, request)
  if (found !== expected) throw request.fail(`holds ${found} numbers, expected ${expected}`)
  return bytes
}

/** One packed piece is used where it is; several, or single numbers, are put together. */
function fixedData(reader: WireReader, field: number, wire: typeof WIRE.fixed32 | typeof WIRE.fixed64): Uint8Array {
  let last: Uint8Array = new Uint8Array()
  let sizeBytes = 0
  const eachChunk = (from: WireReader, visit: (chunk: Uint8Array) => void): void => {
    while (from.next()) if (from.field === field) visit(from.fixed(wire))
  }
  eachChunk(reader, (chunk) => {
    last = chunk
    sizeBytes += chunk.byteLength
  })
  if (sizeBytes === last.byteLength) return last
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  eachChunk(reader.restart(), (chunk) => {
    bytes.set(chunk, at)
    at += chunk.byteLength
  })
  return bytes
}

/** Numbers found, which may be more than there is room for. */
function fill(bytes: Uint8Array, unit: number, reader: WireReader, { field, fail }: TypedDataRequest): number {
  const view = new DataView(bytes.buffer)
  let found = 0
  const put = (low: number, high: number): void => {
    const at = found++ * unit
    if (at >= bytes.byteLength) return
    if (!fits(low, high, unit)) throw fail(`holds a number beyond ${unit * 8} bits at element ${found - 1}`)
    if (unit === 1) bytes[at] = low
    else if (unit === 2) view.setUint16(at, low & 0xffff, true)
    else view.setUint32(at, low, true)
    if (unit === 8) view.setUint32(at + 4, high, true)
  }
  while (reader.next()) if (reader.field === field) reader.varints(put)
  return found
}

/** Signed and unsigned spellings are both in use, so 8 bits may hold -128 to 255. */
function fits(low: number, high: number, unit: number): boolean {
  if (unit === 8) return true
  if (unit === 4) return high === 0 || (high === 0xffff_ffff && low >= 2 ** 31)
  const range = 2 ** (8 * unit)
  const isNegative = high === 0xffff_ffff || (high === 0 && low >= 2 ** 31)
  return isNegative ? low - 2 ** 32 >= -range / 2 : high === 0 && low < range
}

/** The raw layout back as the content of the packed field. Float data is passed on by reference. */
export function packTypedData(dtype: KnownDType, bytes: Uint8Array): Uint8Array {
  if (fixedWire(typedFieldOf(dtype)) !== undefined) return bytes
  let sizeBytes = 0
  eachNumber(dtype, bytes, (low, high) => (sizeBytes += varintSize(low, high)))
  const packed = new Uint8Array(sizeBytes)
  let at = 0
  eachNumber(dtype, bytes, (low, high) => (at = writeVarint(packed, at, low, high)))
  return packed
}

function eachNumber(dtype: KnownDType, bytes: Uint8Array, visit: (low: number, high: number) => void): void {
  const unit = unitBytes(dtype)
  const isSigned = dtypeFacts(dtype)?.family === 'int' && dtype !== 'int4' && dtype !== 'int2'
  const unused = 32 - 8 * unit
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; at += unit) {
    if (unit === 8) visit(view.getUint32(at, true), view.getUint32(at + 4, true))
    else {
      const low = unit === 1 ? view.getUint8(at) : unit === 2 ? view.getUint16(at, true) : view.getUint32(at, true)
      const value = isSigned ? (low << unused) >> unused : low
      visit(value >>> 0, value < 0 ? 0xffff_ffff : 0)
    }
  }
}
