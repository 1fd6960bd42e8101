// Field numbers of the ONNX messages (onnx.proto, IR version 13). Plain numbers, because the generated schema of `onnx-buf` takes longer to
// start than reading a small model; `schema.test.ts` holds them to it.

export const MODEL = {
  irVersion: 1,
  opsetImport: 8,
  producerName: 2,
  producerVersion: 3,
  domain: 4,
  modelVersion: 5,
  docString: 6,
  graph: 7,
  metadataProps: 14,
  trainingInfo: 20,
  functions: 25,
  configuration: 26,
} as const
export const OPERATOR_SET = {
  domain: 1,
  version: 2,
} as const
export const ENTRY = {
  key: 1,
  value: 2,
} as const
export const FUNCTION = {
  name: 1,
  input: 4,
  output: 5,
  attribute: 6,
  attributeProto: 11,
  node: 7,
  docString: 8,
  opsetImport: 9,
  domain: 10,
  overload: 13,
  valueInfo: 12,
  metadataProps: 14,
} as const
export const GRAPH = {
  node: 1,
  name: 2,
  initializer: 5,
  sparseInitializer: 15,
  docString: 10,
  input: 11,
  output: 12,
  valueInfo: 13,
  quantizationAnnotation: 14,
  metadataProps: 16,
} as const
export const NODE = {
  input: 1,
  output: 2,
  name: 3,
  opType: 4,
  domain: 7,
  overload: 8,
  attribute: 5,
  docString: 6,
  metadataProps: 9,
  deviceConfigurations: 10,
} as const
export const ATTRIBUTE = {
  name: 1,
  refAttrName: 21,
  docString: 13,
  type: 20,
  f: 2,
  i: 3,
  s: 4,
  t: 5,
  g: 6,
  sparseTensor: 22,
  tp: 14,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  sparseTensors: 23,
  typeProtos: 15,
} as const
export const TENSOR = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  docString: 12,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
  doubleData: 10,
  uint64Data: 11,
  metadataProps: 16,
} as const
export const SPARSE_TENSOR = {
  values: 1,
  indices: 2,
  dims: 3,
} as const
export const VALUE_INFO = {
  name: 1,
  type: 2,
  docString: 3,
  metadataProps: 4,
} as const
export const TYPE = {
  tensorType: 1,
  sequenceType: 4,
  mapType: 5,
  optionalType: 9,
  sparseTensorType: 8,
  denotation: 6,
} as const
/** Dense and sparse tensor types have the same layout. */
export const TENSOR_TYPE = {
  elemType: 1,
  shape: 2,
} as const
export const SEQUENCE_TYPE = {
  elemType: 1,
} as const
export const OPTIONAL_TYPE = {
  elemType: 1,
} as const
export const SHAPE = {
  dim: 1,
} as const
export const DIMENSION = {
  dimValue: 1,
  dimParam: 2,
  denotation: 3,
} as const

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
