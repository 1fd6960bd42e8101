// The element types of ONNX tensors (TensorProto.DataType) under one lower-case name each.
// A code this table does not know is carried as `dtype-<code>` so that it survives a round trip.

interface DTypeFacts {
  /** TensorProto.DataType value. */
  readonly code: number
  /** Bits of one element; 0 for strings. */
  readonly bits: number
  readonly family: 'float' | 'int' | 'uint' | 'bool' | 'complex' | 'string'
}

const FACTS = {
  float32: { code: 1, bits: 32, family: 'float' },
  uint8: { code: 2, bits: 8, family: 'uint' },
  int8: { code: 3, bits: 8, family: 'int' },
  uint16: { code: 4, bits: 16, family: 'uint' },
  int16: { code: 5, bits: 16, family: 'int' },
  int32: { code: 6, bits: 32, family: 'int' },
  int64: { code: 7, bits: 64, family: 'int' },
  string: { code: 8, bits: 0, family: 'string' },
  bool: { code: 9, bits: 8, family: 'bool' },
  float16: { code: 10, bits: 16, family: 'float' },
  float64: { code: 11, bits: 64, family: 'float' },
  uint32: { code: 12, bits: 32, family: 'uint' },
  uint64: { code: 13, bits: 64, family: 'uint' },
  complex64: { code: 14, bits: 64, family: 'complex' },
  complex128: { code: 15, bits: 128, family: 'complex' },
  bfloat16: { code: 16, bits: 16, family: 'float' },
  float8e4m3fn: { code: 17, bits: 8, family: 'float' },
  float8e4m3fnuz: { code: 18, bits: 8, family: 'float' },
  float8e5m2: { code: 19, bits: 8, family: 'float' },
  float8e5m2fnuz: { code: 20, bits: 8, family: 'float' },
  uint4: { code: 21, bits: 4, family: 'uint' },
  int4: { code: 22, bits: 4, family: 'int' },
  float4e2m1: { code: 23, bits: 4, family: 'float' },
  float8e8m0: { code: 24, bits: 8, family: 'float' },
  uint2: { code: 25, bits: 2, family: 'uint' },
  int2: { code: 26, bits: 2, family: 'int' },
} as const satisfies Record<string, DTypeFacts>

export type KnownDType = keyof typeof FACTS
export type DType = KnownDType | `dtype-${number}`

const NAME_BY_CODE = new Map<number, KnownDType>(
  (Object.keys(FACTS) as KnownDType[]).map((name) => [FACTS[name].code, name]),
)

/** `code` 0 (UNDEFINED) and codes newer than this table become `dtype-<code>`. */
export const dtypeFromCode = (code: number): DType => NAME_BY_CODE.get(code) ?? `dtype-${code}`

export function isKnownDType(dtype: DType): dtype is KnownDType {
  return Object.hasOwn(FACTS, dtype)
}

export function dtypeFacts(dtype: DType): DTypeFacts | undefined {
  return isKnownDType(dtype) ? FACTS[dtype] : undefined
}

export const dtypeCode = (dtype: DType): number => dtypeFacts(dtype)?.code ?? Number(dtype.slice('dtype-'.length))

/** Bytes of `count` packed elements (sub-byte types pad the last byte only); undefined for strings and unknown types. */
export function dtypeBytes(dtype: DType, count: number): number | undefined {
  const bits = dtypeFacts(dtype)?.bits
  return bits ? Math.ceil((count * bits) / 8) : undefined
}

export const isFloat = (dtype: DType): boolean => dtypeFacts(dtype)?.family === 'float'
