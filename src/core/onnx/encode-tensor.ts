// Tensor → TensorProto. Bytes go out by reference, in the field they came from: raw, typed or external.

import { dtypeCode, isKnownDType } from '../model/dtype'
import type { Tensor, TensorData } from '../model/tensor'
import { carriedFields } from './carried-fields'
import { ENTRY, TENSOR } from './schema'
import { packTypedData, typedFieldOf } from './typed-data'
import { WireWriter } from './wire-writer'

const EXTERNAL = 1

export function encodeTensor(tensor: Tensor): WireWriter {
  const writer = WireWriter.for(carriedFields(tensor))
  const { data } = tensor
  const typedField = isKnownDType(tensor.dtype) ? typedFieldOf(tensor.dtype) : undefined
  const isTyped = data.kind === 'bytes' && tensor.field === 'typed'
  const writeTyped = (): void => {
    if (!isTyped || typedField === undefined || data.bytes.byteLength === 0 || !isKnownDType(tensor.dtype)) return
    writer.bytes(typedField, packTypedData(tensor.dtype, data.bytes))
  }

  for (const dim of tensor.dims) writer.varint(TENSOR.dims, dim)
  writer.varint(TENSOR.dataType, dtypeCode(tensor.dtype))
  if (typedField !== undefined && typedField < TENSOR.name) writeTyped()
  if (data.kind === 'strings') for (const value of data.values) writer.bytes(TENSOR.stringData, value)
  writer.optionalString(TENSOR.name, tensor.name)
  if (data.kind === 'bytes' && !isTyped) writer.bytes(TENSOR.rawData, data.bytes)
  if (typedField !== undefined && typedField > TENSOR.name) writeTyped()
  if (data.kind === 'external') encodeExternal(writer, tensor, data)
  return writer
}

function encodeExternal(writer: WireWriter, tensor: Tensor, data: Extract<TensorData, { kind: 'external' }>): void {
  const map = carriedFields(tensor)?.maps?.get(TENSOR.externalData)
  const { location, offset, length } = data
  const isSame =
    map?.was.get('location') === location &&
    Number(map.was.get('offset') ?? 0) === offset &&
    (map.was.has('length') ? Number(map.was.get('length')) : undefined) === length
  if (isSame) writer.verbatim(map.pieces)
  else {
    writer.message(TENSOR.externalData, encodeEntry('location', location))
    writer.message(TENSOR.externalData, encodeEntry('offset', String(offset)))
    if (length !== undefined) writer.message(TENSOR.externalData, encodeEntry('length', String(length)))
  }
  writer.varint(TENSOR.dataLocation, EXTERNAL)
}

/** Key and value → StringStringEntryProto. */
export function encodeEntry(key: string, value: string): WireWriter {
  const writer = new WireWriter()
  writer.string(ENTRY.key, key)
  writer.string(ENTRY.value, value)
  return writer
}
