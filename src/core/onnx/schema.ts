// Field numbers of the ONNX messages, taken from the schema of `onnx-buf`. Only the schema is used: reading and writing is done by
// `wire-reader.ts` and `wire-writer.ts`, because the generated code copies typed tensor data and keeps no byte offsets.

import type { DescField, DescMessage } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_OptionalSchema,
  TypeProto_SequenceSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf'

function fieldNumbers<Name extends string>(
  schema: DescMessage & { readonly field: Readonly<Record<Name, DescField>> },
): Readonly<Record<Name, number>> {
  return Object.fromEntries(schema.fields.map(({ localName, number }) => [localName, number])) as Record<Name, number>
}

export const MODEL = fieldNumbers(ModelProtoSchema)
export const OPERATOR_SET = fieldNumbers(OperatorSetIdProtoSchema)
export const ENTRY = fieldNumbers(StringStringEntryProtoSchema)
export const FUNCTION = fieldNumbers(FunctionProtoSchema)
export const GRAPH = fieldNumbers(GraphProtoSchema)
export const NODE = fieldNumbers(NodeProtoSchema)
export const ATTRIBUTE = fieldNumbers(AttributeProtoSchema)
export const TENSOR = fieldNumbers(TensorProtoSchema)
export const SPARSE_TENSOR = fieldNumbers(SparseTensorProtoSchema)
export const VALUE_INFO = fieldNumbers(ValueInfoProtoSchema)
export const TYPE = fieldNumbers(TypeProtoSchema)
/** Dense and sparse tensor types have the same layout. */
export const TENSOR_TYPE = fieldNumbers(TypeProto_TensorSchema)
export const SEQUENCE_TYPE = fieldNumbers(TypeProto_SequenceSchema)
export const OPTIONAL_TYPE = fieldNumbers(TypeProto_OptionalSchema)
export const SHAPE = fieldNumbers(TensorShapeProtoSchema)
export const DIMENSION = fieldNumbers(TensorShapeProto_DimensionSchema)

/** AttributeProto.AttributeType of the kinds that Lathe reads, and the field that holds the value. */
export const ATTRIBUTE_KINDS = {
  float: { code: 1, field: ATTRIBUTE.f },
  int: { code: 2, field: ATTRIBUTE.i },
  string: { code: 3, field: ATTRIBUTE.s },
  tensor: { code: 4, field: ATTRIBUTE.t },
  graph: { code: 5, field: ATTRIBUTE.g },
  floats: { code: 6, field: ATTRIBUTE.floats },
  ints: { code: 7, field: ATTRIBUTE.ints },
  strings: { code: 8, field: ATTRIBUTE.strings },
  tensors: { code: 9, field: ATTRIBUTE.tensors },
  graphs: { code: 10, field: ATTRIBUTE.graphs },
} as const

export type AttributeKind = keyof typeof ATTRIBUTE_KINDS
