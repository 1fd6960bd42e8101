// ValueInfo and ValueType → ValueInfoProto and TypeProto.

import { dtypeCode } from '../model/dtype'
import type { Dim, Shape, ValueInfo, ValueType } from '../model/shape'
import { carriedFields, type CarriedFields } from './carried-fields'
import { DIMENSION, OPTIONAL_TYPE, SEQUENCE_TYPE, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './schema'
import { WireWriter } from './wire-writer'

export function encodeValueInfo(info: ValueInfo): WireWriter {
  const writer = WireWriter.for(carriedFields(info))
  writer.optionalString(VALUE_INFO.name, info.name)
  if (info.type) writer.message(VALUE_INFO.type, encodeType(info.type))
  return writer
}

function encodeType(type: ValueType): WireWriter {
  const carried = carriedFields(type)
  const writer = WireWriter.for(carried)
  switch (type.kind) {
    case 'tensor':
      writer.message(TYPE.tensorType, encodeTensorType(type, carried))
      break
    case 'sparse':
      writer.message(TYPE.sparseTensorType, encodeTensorType(type, carried))
      break
    case 'sequence':
      writer.message(TYPE.sequenceType, encodeElement(SEQUENCE_TYPE.elemType, type.element, carried))
      break
    case 'optional':
      writer.message(TYPE.optionalType, encodeElement(OPTIONAL_TYPE.elemType, type.element, carried))
      break
    case 'other':
      break
    default:
      return type satisfies never
  }
  return writer
}

function encodeTensorType(
  type: Extract<ValueType, { kind: 'tensor' | 'sparse' }>,
  carried: CarriedFields | undefined,
): WireWriter {
  const writer = new WireWriter(carried?.inner)
  const code = dtypeCode(type.dtype)
  if (code !== 0) writer.varint(TENSOR_TYPE.elemType, code)
  if (type.shape) writer.message(TENSOR_TYPE.shape, encodeShape(type.shape, carried))
  return writer
}

function encodeElement(field: number, element: ValueType | undefined, carried: CarriedFields | undefined): WireWriter {
  const writer = new WireWriter(carried?.inner)
  if (element) writer.message(field, encodeType(element))
  return writer
}

function encodeShape(shape: Shape, carried: CarriedFields | undefined): WireWriter {
  const writer = new WireWriter(carried?.shape)
  // Denotations belong to axes; a shape of another rank has other axes.
  const dims = carried?.dims?.length === shape.length ? carried.dims : []
  shape.forEach((dim, axis) => writer.message(SHAPE.dim, encodeDim(dim, dims[axis])))
  return writer
}

function encodeDim(dim: Dim, pieces: CarriedFields['pieces'] = []): WireWriter {
  const isValue = (number: number): boolean => number === DIMENSION.dimValue || number === DIMENSION.dimParam
  const writer = new WireWriter(dim === null ? pieces : pieces.filter(({ number }) => !isValue(number)))
  if (typeof dim === 'number') writer.varint(DIMENSION.dimValue, dim)
  else if (dim !== null) writer.string(DIMENSION.dimParam, dim)
  return writer
}
