// ValueInfoProto and TypeProto → ValueInfo and ValueType. Denotations, doc strings and what we do not know are carried.

import { dtypeFromCode, type DType } from '../model/dtype'
import type { Dim, ValueInfo, ValueType } from '../model/shape'
import { CarriedCollector, type Piece } from './carried-fields'
import { DIMENSION, OPTIONAL_TYPE, SEQUENCE_TYPE, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './schema'
import type { WireReader } from './wire-reader'

const MAX_INT32 = 2 ** 31 - 1

export function decodeValueInfo(reader: WireReader): ValueInfo {
  const rest = new CarriedCollector()
  let name = ''
  let type: ValueType | undefined
  while (reader.next()) {
    if (reader.field === VALUE_INFO.name) name = rest.text(reader)
    else if (reader.field === VALUE_INFO.type) type = decodeType(reader.nested('TypeProto'))
    else rest.keep(reader)
  }
  return { name, ...(type && { type }), ...rest.finish() }
}

function decodeType(reader: WireReader): ValueType {
  const rest = new CarriedCollector()
  let read: ((owner: CarriedCollector) => ValueType) | undefined
  while (reader.next()) {
    const inner = typeReader(reader)
    if (inner && read) throw reader.fail('two types of one value')
    if (inner) read = inner
    else rest.keep(reader)
  }
  return read ? read(rest) : { kind: 'other', ...rest.finish() }
}

/** How to read the current field, or undefined where it is not a type that we look into. */
function typeReader(reader: WireReader): ((owner: CarriedCollector) => ValueType) | undefined {
  switch (reader.field) {
    case TYPE.tensorType:
      return tensorType('tensor', reader.nested('TypeProto.Tensor'))
    case TYPE.sparseTensorType:
      return tensorType('sparse', reader.nested('TypeProto.SparseTensor'))
    case TYPE.sequenceType:
      return elementType('sequence', SEQUENCE_TYPE.elemType, reader.nested('TypeProto.Sequence'))
    case TYPE.optionalType:
      return elementType('optional', OPTIONAL_TYPE.elemType, reader.nested('TypeProto.Optional'))
    default:
      return undefined
  }
}

function tensorType(kind: 'tensor' | 'sparse', reader: WireReader): (owner: CarriedCollector) => ValueType {
  const rest = new CarriedCollector()
  let dtype: DType = dtypeFromCode(0)
  let shape: ReturnType<typeof decodeShape> | undefined
  while (reader.next()) {
    if (reader.field === TENSOR_TYPE.elemType) {
      const code = reader.integer('the data type', 0, MAX_INT32)
      dtype = dtypeFromCode(code)
      if (code === 0) rest.keep(reader)
    } else if (reader.field === TENSOR_TYPE.shape) {
      if (shape) throw reader.fail('two shapes of one type')
      shape = decodeShape(reader.nested('TensorShapeProto'))
    } else rest.keep(reader)
  }
  const inner = rest.sortedPieces()
  return (owner) => {
    const extra = { ...(inner.length > 0 && { inner }), ...shape?.extra }
    return { kind, dtype, ...(shape && { shape: shape.dims }), ...owner.finish(extra) }
  }
}

function elementType(
  kind: 'sequence' | 'optional',
  field: number,
  reader: WireReader,
): (owner: CarriedCollector) => ValueType {
  const rest = new CarriedCollector()
  let element: ValueType | undefined
  while (reader.next()) {
    if (reader.field !== field) rest.keep(reader)
    else if (element) throw reader.fail('two element types')
    else element = decodeType(reader.nested('TypeProto'))
  }
  const inner = rest.sortedPieces()
  return (owner) => ({ kind, ...(element && { element }), ...owner.finish(inner.length > 0 ? { inner } : {}) })
}

interface DecodedShape {
  readonly dims: readonly Dim[]
  readonly extra: { readonly shape?: readonly Piece[]; readonly dims?: readonly (readonly Piece[])[] }
}

function decodeShape(reader: WireReader): DecodedShape {
  const rest = new CarriedCollector()
  const dims: Dim[] = []
  const pieces: (readonly Piece[])[] = []
  while (reader.next()) {
    if (reader.field !== SHAPE.dim) {
      rest.keep(reader)
      continue
    }
    const carried = new CarriedCollector()
    dims.push(decodeDim(reader.nested('TensorShapeProto.Dimension'), carried))
    pieces.push(carried.sortedPieces())
  }
  const shape = rest.sortedPieces()
  const extra = {
    ...(shape.length > 0 && { shape }),
    ...(pieces.some(({ length }) => length > 0) && { dims: pieces }),
  }
  return { dims, extra }
}

/** Negative sizes, which some exporters write for "unknown", and empty names come out as null. */
function decodeDim(reader: WireReader, carried: CarriedCollector): Dim {
  let dim: Dim = null
  while (reader.next()) {
    if (reader.field === DIMENSION.dimValue) {
      const size = reader.integer('the dimension')
      dim = size < 0 ? null : size
      if (size < 0) carried.keep(reader)
    } else if (reader.field === DIMENSION.dimParam) {
      dim = carried.text(reader) || null
    } else carried.keep(reader)
  }
  return dim
}
