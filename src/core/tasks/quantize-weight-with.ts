// `quantizeWeight` spread over a pool: the weight is cut into pieces of rows, always at the same places, and what comes back is put together
// in their order. The result is that of `quantizeWeight` to the bit, with any number of workers and without a pool.

import { tensorBytes, tensorCount, type Tensor } from '../model/tensor'
import {
  checkBlocks,
  quantizeWeight,
  scaleOptions,
  weightTensors,
  type QuantizedWeight,
  type WeightFormat,
  type WeightNames,
} from '../numeric/quantize-weight'
import { makeIntegers, scaleParams, type IntegerValues, type QuantizedChannels } from '../numeric/quantize'
import type { QuantDType } from '../numeric/quant-params'
import { channelLayout } from '../numeric/scale-layout'
import type { Piece, TaskPort } from './tasks'

/** Large enough that the message costs little, small enough that pieces on their way do not show in the memory. */
const PIECE_BYTES = 2 ** 21
/** Below this a message takes longer than the work. */
const SMALLEST_BYTES = 2 ** 18

/** Throws and returns what `quantizeWeight` does. Given params are used in place, without the pool. */
export async function quantizeWeightWith(
  tasks: TaskPort | undefined,
  weight: Tensor,
  format: WeightFormat,
  names: WeightNames,
): Promise<QuantizedWeight | undefined> {
  if (!tasks || format.params || 4 * tensorCount(weight) < SMALLEST_BYTES) return quantizeWeight(weight, format, names)
  checkBlocks(weight, format)
  const pieces = cutRows(weight, format)
  const ownsScales = pieces.length === 1 || format.blockSize !== undefined || isFirstAxis(weight, format.axis)
  const result = await (ownsScales ? quantizePieces : quantizeInTwoRounds)(tasks, pieces, weight, format)
  return result && weightTensors(weight, format, names, result)
}

const isFirstAxis = ({ dims }: Tensor, axis: number | undefined): boolean => axis === 0 || axis === -dims.length

/** Rows of whole blocks, an even number of values each, so that no block and no byte of 4-bit integers is cut. */
function cutRows(weight: Tensor, { axis, blockSize }: WeightFormat): readonly Piece[] {
  const bytes = tensorBytes(weight)
  const [count = 1, ...inner] = weight.dims
  const rowBytes = bytes.byteLength / count
  const step = 2 * (isFirstAxis(weight, axis) ? (blockSize ?? 1) : 1)
  const rows = step * Math.max(Math.floor(PIECE_BYTES / (step * rowBytes)), 1)
  const pieces: Piece[] = []
  for (let from = 0; from < count; from += rows) {
    const to = Math.min(from + rows, count)
    pieces.push({ bytes: bytes.subarray(from * rowBytes, to * rowBytes), dims: [to - from, ...inner], axis, blockSize })
  }
  return pieces
}

/** Each piece has all elements of its scales. */
async function quantizePieces(
  tasks: TaskPort,
  pieces: readonly Piece[],
  weight: Tensor,
  format: WeightFormat,
): Promise<QuantizedChannels | undefined> {
  const { dtype } = format
  const options = scaleOptions(format)
  const results = await Promise.all(pieces.map((piece) => tasks.run('quantize-channels', { ...piece, dtype, options })))
  const parts = results.filter((part) => part !== undefined)
  if (parts.length < pieces.length) return undefined
  const scales = new Float32Array(parts.reduce((count, part) => count + part.scales.length, 0))
  const zeroPoints: number[] = []
  for (const part of parts) {
    scales.set(part.scales, zeroPoints.length)
    for (const zeroPoint of part.zeroPoints) zeroPoints.push(zeroPoint)
  }
  return { values: joinValues(parts, weight, dtype), scales, zeroPoints }
}

/** Scales need all pieces: first the ranges of each, then the integers. */
async function quantizeInTwoRounds(
  tasks: TaskPort,
  pieces: readonly Piece[],
  weight: Tensor,
  format: WeightFormat,
): Promise<QuantizedChannels | undefined> {
  const { dtype, axis, isSymmetric } = format
  const ranges = await Promise.all(pieces.map((piece) => tasks.run('channel-ranges', { ...piece, isSymmetric })))
  if (!ranges.every(({ isFinite }) => isFinite)) return undefined
  const { scales: count } = channelLayout(weight.dims, axis)
  const min = new Float32Array(count)
  const max = new Float32Array(count)
  for (const range of ranges) {
    for (let i = 0; i < count; i++) {
      min[i] = Math.min(min[i] as number, range.min[i] as number)
      max[i] = Math.max(max[i] as number, range.max[i] as number)
    }
  }
  const { scales, zeroPoints } = scaleParams({ min, max, isFinite: true }, dtype, scaleOptions(format))
  const given = { dtype, scales, zeroPoints: Int32Array.from(zeroPoints) }
  const parts = await Promise.all(pieces.map((piece) => tasks.run('quantize-with', { ...piece, ...given })))
  return { values: joinValues(parts, weight, dtype), scales, zeroPoints }
}

function joinValues(
  parts: readonly { readonly values: IntegerValues }[],
  weight: Tensor,
  dtype: QuantDType,
): IntegerValues {
  const [first] = parts
  if (first && parts.length === 1) return first.values
  const joined = makeIntegers(tensorCount(weight), dtype)
  let offset = 0
  for (const { values } of parts) {
    joined.set(values, offset)
    offset += values.length
  }
  return joined
}
