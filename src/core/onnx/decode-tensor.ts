// TensorProto → Tensor. Raw data and packed floats stay views into the file; other typed fields are unpacked into the raw layout once.
// Sizes are checked here: behind this door `bytes` always agrees with `dtype` and `dims`.

import { LabError, type Details } from '../errors/lab-error'
import { dtypeBytes, dtypeFromCode, isKnownDType, type DType } from '../model/dtype'
import type { Tensor, TensorData } from '../model/tensor'
import { CarriedCollector } from './carried-fields'
import { decodeExternalReference } from './external-data'
import { ENTRY, TENSOR } from './schema'
import { isTypedField, readTypedData, typedFieldOf } from './typed-data'
import type { WireReader } from './wire-reader'

const MAX_INT32 = 2 ** 31 - 1
const EXTERNAL = 1

/** The fields of a TensorProto before its data is looked at. */
interface TensorParts {
  name: string
  readonly dims: number[]
  dtype: DType
  raw?: Uint8Array
  readonly strings: Uint8Array[]
  isExternal: boolean
  readonly entries: Map<string, string>
  /** Typed fields that are there, with the bytes of their content. */
  readonly typedBytes: Map<number, number>
}

export function decodeTensor(reader: WireReader): Tensor {
  const byteOffset = reader.byteOffset
  const carried = new CarriedCollector()
  const parts = readParts(reader.restart(), carried)
  const fail = (problem: string, details: Details = {}): LabError => {
    const message = `Tensor "${parts.name}" (${parts.dtype} [${parts.dims.join(', ')}]) at byte ${byteOffset} ${problem}.`
    return new LabError('model/invalid', message, { tensor: parts.name, byteOffset, ...details })
  }
  const count = countElements(parts.dims, fail)
  const { data, field } = readData(reader.restart(), parts, count, carried, fail)
  const { name, dtype, dims } = parts
  return { name, dtype, dims, data, ...(field === 'typed' && { field }), ...carried.finish() }
}

function readParts(reader: WireReader, carried: CarriedCollector): TensorParts {
  const parts: TensorParts = {
    name: '',
    dims: [],
    dtype: dtypeFromCode(0),
    strings: [],
    isExternal: false,
    entries: new Map(),
    typedBytes: new Map(),
  }
  while (reader.next()) {
    switch (reader.field) {
      case TENSOR.name:
        parts.name = carried.text(reader)
        break
      case TENSOR.dims:
        for (const dim of reader.bigints()) parts.dims.push(Number(dim))
        break
      case TENSOR.dataType:
        parts.dtype = dtypeFromCode(reader.integer('the data type', 0, MAX_INT32))
        break
      case TENSOR.rawData:
        parts.raw = reader.bytes()
        break
      case TENSOR.stringData:
        parts.strings.push(reader.bytes())
        break
      case TENSOR.dataLocation:
        parts.isExternal = reader.integer('the data location') === EXTERNAL
        if (!parts.isExternal) carried.keep(reader)
        break
      case TENSOR.externalData:
        readEntry(reader, parts.entries, carried)
        break
      default:
        if (isTypedField(reader.field)) {
          parts.typedBytes.set(reader.field, (parts.typedBytes.get(reader.field) ?? 0) + reader.piece().byteLength)
        } else carried.keep(reader)
    }
  }
  return parts
}

function readEntry(reader: WireReader, entries: Map<string, string>, carried: CarriedCollector): void {
  const [key, value] = decodeEntry(reader.nested('StringStringEntryProto'))
  entries.set(key, value)
  carried.entry(reader, key, value)
}

/** StringStringEntryProto → key and value. */
export function decodeEntry(reader: WireReader): readonly [key: string, value: string] {
  let [key, value] = ['', '']
  while (reader.next()) {
    if (reader.field === ENTRY.key) key = reader.string()
    else if (reader.field === ENTRY.value) value = reader.string()
  }
  return [key, value]
}

type Fail = (problem: string, details?: Details) => LabError

function countElements(dims: readonly number[], fail: Fail): number {
  let count = 1
  for (const dim of dims) {
    if (!(dim >= 0 && Number.isSafeInteger(dim))) throw fail(`has the dimension ${dim}, expected 0 to 2^53 - 1`)
    count *= dim
  }
  if (dims.includes(0)) return 0
  if (!Number.isSafeInteger(count)) throw fail('has more than 2^53 elements')
  return count
}

interface Data {
  readonly data: TensorData
  readonly field: 'raw' | 'typed'
}

function readData(reader: WireReader, parts: TensorParts, count: number, carried: CarriedCollector, fail: Fail): Data {
  const { dtype, raw } = parts
  const used = isKnownDType(dtype) && dtype !== 'string' ? typedFieldOf(dtype) : undefined
  const isTyped = !parts.isExternal && !raw?.byteLength && used !== undefined && parts.typedBytes.has(used)
  keepOtherTypedFields(reader.restart(), carried, isTyped ? used : undefined)
  if (parts.isExternal) {
    if (raw?.byteLength) throw fail('holds both raw and external data')
    const data = decodeExternalReference(parts.entries, fail)
    if (data.length !== undefined) checkSize(dtype, count, data.length, fail)
    return { data, field: 'raw' }
  }
  if (dtype === 'string') {
    if (raw?.byteLength) throw fail('holds raw data, expected strings')
    if (parts.strings.length !== count) throw fail(`holds ${parts.strings.length} strings, expected ${count}`)
    return { data: { kind: 'strings', values: parts.strings }, field: 'typed' }
  }
  const bytes = isTyped ? typedBytes(reader, parts, used, count, fail) : (raw ?? new Uint8Array())
  checkSize(dtype, count, bytes.byteLength, fail)
  return { data: { kind: 'bytes', bytes }, field: raw && !isTyped ? 'raw' : 'typed' }
}

function typedBytes(reader: WireReader, parts: TensorParts, field: number, count: number, fail: Fail): Uint8Array {
  const sizeBytes = dtypeBytes(parts.dtype, count) ?? 0
  return readTypedData(reader, parts.dtype, { field, sizeBytes, available: parts.typedBytes.get(field) ?? 0, fail })
}

/** Typed data that the tensor's type does not use means nothing, but it is the file's. */
function keepOtherTypedFields(reader: WireReader, carried: CarriedCollector, used: number | undefined): void {
  while (reader.next()) if (isTypedField(reader.field) && reader.field !== used) carried.keep(reader)
}

function checkSize(dtype: DType, count: number, found: number, fail: Fail): void {
  const expected = dtypeBytes(dtype, count)
  if (expected === undefined || expected === found) return
  throw fail(`holds ${found} bytes of data, expected ${expected}`, { expected })
}
