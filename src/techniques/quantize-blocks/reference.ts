// The definition of what the packed tensors mean, once more, plain and slow, in float64: for tests only.

import { tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'

/** Number `index` of `bits` bits each, lower bits first. */
function field(bytes: Uint8Array, index: number, bits: number): number {
  const bit = index * bits
  return ((bytes[bit >> 3] ?? NaN) >> (bit & 7)) & (2 ** bits - 1)
}

export interface NBits {
  readonly n: number
  readonly k: number
  readonly bits: number
  readonly blockSize: number
  readonly codes: Tensor
  readonly scales: Tensor
  readonly zeroPoints?: Tensor | undefined
}

/** The weight [n, k] that MatMulNBits (com.microsoft 1) multiplies with. */
export function restoreNBits({ n, k, bits, blockSize, codes, scales, zeroPoints }: NBits): Float64Array {
  const blocks = Math.ceil(k / blockSize)
  const scale = viewAs(tensorBytes(scales), Float32Array)
  const zeroPointRow = Math.ceil((blocks * bits) / 8)
  return Float64Array.from({ length: n * k }, (_, i) => {
    const [row, input] = [Math.floor(i / k), i % k]
    const block = Math.floor(input / blockSize)
    const code = field(tensorBytes(codes), row * blocks * blockSize + input, bits)
    const own = zeroPoints && tensorBytes(zeroPoints).subarray(row * zeroPointRow, (row + 1) * zeroPointRow)
    const zeroPoint = own ? field(own, block, bits) : 2 ** (bits - 1)
    return (code - zeroPoint) * (scale[row * blocks + block] ?? NaN)
  })
}

const ELEMENTS: Readonly<Record<string, { readonly bits: number; readonly isSigned: boolean }>> = {
  int4: { bits: 4, isSigned: true },
  uint4: { bits: 4, isSigned: false },
  int8: { bits: 8, isSigned: true },
  uint8: { bits: 8, isSigned: false },
}

function element({ dtype, ...tensor }: Tensor, index: number): number {
  const { bits, isSigned } = ELEMENTS[dtype] ?? { bits: NaN, isSigned: false }
  const value = field(tensorBytes({ dtype, ...tensor }), index, bits)
  return isSigned && value >= 2 ** (bits - 1) ? value - 2 ** bits : value
}

/** What DequantizeLinear (opset 21) makes of a tensor in blocks along `axis`; GatherBlockQuantized restores its table alike. */
export function restoreElements(
  codes: Tensor,
  scales: Tensor,
  zeroPoints: Tensor | undefined,
  axis: number,
  blockSize: number,
): Float64Array {
  const scale = viewAs(tensorBytes(scales), Float32Array)
  const inner = codes.dims.slice(axis + 1).reduce((product, size) => product * size, 1)
  const length = codes.dims[axis] ?? NaN
  const count = codes.dims.reduce((product, size) => product * size, 1)
  return Float64Array.from({ length: count }, (_, i) => {
    const [outer, along, rest] = [Math.floor(i / (inner * length)), Math.floor(i / inner) % length, i % inner]
    const block = (outer * Math.ceil(length / blockSize) + Math.floor(along / blockSize)) * inner + rest
    return (element(codes, i) - (zeroPoints ? element(zeroPoints, block) : 0)) * (scale[block] ?? NaN)
  })
}
