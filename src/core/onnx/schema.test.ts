import type { DescMessage } from '@bufbuild/protobuf'
import * as generated from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import * as schema from './schema'

const MESSAGES: readonly (readonly [DescMessage, Readonly<Record<string, number>>])[] = [
  [generated.ModelProtoSchema, schema.MODEL],
  [generated.OperatorSetIdProtoSchema, schema.OPERATOR_SET],
  [generated.StringStringEntryProtoSchema, schema.ENTRY],
  [generated.FunctionProtoSchema, schema.FUNCTION],
  [generated.GraphProtoSchema, schema.GRAPH],
  [generated.NodeProtoSchema, schema.NODE],
  [generated.AttributeProtoSchema, schema.ATTRIBUTE],
  [generated.TensorProtoSchema, schema.TENSOR],
  [generated.SparseTensorProtoSchema, schema.SPARSE_TENSOR],
  [generated.ValueInfoProtoSchema, schema.VALUE_INFO],
  [generated.TypeProtoSchema, schema.TYPE],
  [generated.TypeProto_TensorSchema, schema.TENSOR_TYPE],
  [generated.TypeProto_SparseTensorSchema, schema.TENSOR_TYPE],
  [generated.TypeProto_SequenceSchema, schema.SEQUENCE_TYPE],
  [generated.TypeProto_OptionalSchema, schema.OPTIONAL_TYPE],
  [generated.TensorShapeProtoSchema, schema.SHAPE],
  [generated.TensorShapeProto_DimensionSchema, schema.DIMENSION],
]

describe('the field numbers', () => {
  it.each(MESSAGES)('of $typeName are those of the generated schema', (message, fields) => {
    expect(fields).toEqual(Object.fromEntries(message.fields.map(({ localName, number }) => [localName, number])))
  })

  it('and the codes of attribute types too', () => {
    const codes = Object.values(schema.ATTRIBUTE_KINDS).map(({ code }) => code)
    const { FLOAT, INT, STRING, TENSOR, GRAPH, FLOATS, INTS, STRINGS, TENSORS, GRAPHS } =
      generated.AttributeProto_AttributeType
    expect(codes).toEqual([FLOAT, INT, STRING, TENSOR, GRAPH, FLOATS, INTS, STRINGS, TENSORS, GRAPHS])
  })
})
