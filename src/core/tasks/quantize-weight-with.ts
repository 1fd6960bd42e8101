// `quantizeWeight` spread over a pool: the weight is cut into pieces of rows, always at the same places, and what comes back is put together
// in their order. The result is that of `quantizeWeight` to the bit, with any number of workers and without a pool.

import { dtypeBytes, type DType } from '../model/dtype'
import { bytesOf, tensorBytes, tensorCount, type Tensor } from '../model/tensor'
import {
  checkBlocks,
  quantizeWeight,
  scaleOptions,
  weightTensors,
  type QuantizedWeight,
  type WeightFormat,
  type WeightNames,
} from '../numeric/quantize-weight'
import { fitsType, makeIntegers, scaleParams, type ScaleParams } from '../numeric/quantize'
import { channelLayout } from '../numeric/scale-layout'
import { isShared, type TaskPort } from './task'
import { channelRangesTask, quantizeChannelsTask, quantizeWithTask, type Piece } from './weight-tasks'

/** Large enough that the message costs little, small enough that pieces on their way do not show in the memory. */
const PIECE_BYTES = 2 ** 20
/** A weight of this size is one piece where its pieces would be looked at twice. */
const WHOLE_BYTES = 2 ** 22
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
  const values = makeIntegers(tensorCount(weight), format.dtype, isShared(tensorBytes(weight)))
  const pieces = cutRows(weight, format, bytesOf(values))
  const params = await (pieces.length === 1 || ownsScales(weight, format)
    ? inOneRound(tasks, pieces, format)
    : inTwoRounds(tasks, pieces, weight, format))
  return params && weightTensors(weight, format, names, { values, ...params })
}

/** Whether some rows have all elements of their scales. */
const ownsScales = (weight: Tensor, { axis, blockSize }: WeightFormat): boolean =>
  blockSize !== undefined || isFirstAxis(weight, axis)

const isFirstAxis = ({ dims }: Tensor, axis: number | undefined): boolean => axis === 0 || axis === -dims.length

interface TargetPiece extends Piece {
  readonly target: Uint8Array
}

/** Rows of whole blocks, an even number of values each, so that no block and no byte of 4-bit integers is cut. */
function cutRows(weight: Tensor, format: WeightFormat, target: Uint8Array): readonly TargetPiece[] {
  const { dtype, axis, blockSize } = format
  const bytes = tensorBytes(weight)
  const isWhole = !ownsScales(weight, format) && bytes.byteLength <= WHOLE_BYTES
  const [count = 1, ...inner] = weight.dims
  const rowValues = tensorCount(weight) / count
  const step = 2 * (isFirstAxis(weight, axis) ? (blockSize ?? 1) : 1)
  const rows = step * Math.max(Math.floor((isWhole ? WHOLE_BYTES : PIECE_BYTES) / (4 * step * rowValues)), 1)
  const rowsOf = (all: Uint8Array, type: DType, from: number, to: number): Uint8Array =>
    all.subarray(dtypeBytes(type, from * rowValues), dtypeBytes(type, to * rowValues))
  const pieces: TargetPiece[] = []
  for (let from = 0; from < count; from += rows) {
    const to = Math.min(from + rows, count)
    pieces.push({
      bytes: rowsOf(bytes, 'float32', from, to),
      target: rowsOf(target, dtype, from, to),
      dims: [to - from, ...inner],
      axis,
      blockSize,
    })
  }
  return pieces
}

async function inOneRound(
  tasks: TaskPort,
  pieces: readonly TargetPiece[],
  format: WeightFormat,
): Promise<ScaleParams | undefined> {
  const { dtype } = format
  const options = scaleOptions(format)
  const results = await Promise.all(
    pieces.map((piece) => tasks.run(quantizeChannelsTask, { ...piece, dtype, options })),
  )
  const parts = results.filter((part) => part !== undefined)
  if (parts.length < pieces.length) return undefined
  const count = parts.reduce((sum, part) => sum + part.scales.length, 0)
  const [scales, zeroPoints] = [new Float32Array(count), new Int32Array(count)]
  let start = 0
  for (const part of parts) {
    scales.set(part.scales, start)
    zeroPoints.set(part.zeroPoints, start)
    start += part.scales.length
  }
  return { scales, zeroPoints }
}

/** Scales need all pieces: first the ranges of each, then the integers. */
async function inTwoRounds(
  tasks: TaskPort,
  pieces: readonly TargetPiece[],
  weight: Tensor,
  format: WeightFormat,
): Promise<ScaleParams | undefined> {
  const { dtype, axis, isSymmetric } = format
  const ranges = await Promise.all(
    pieces.map(({ bytes, dims }) => tasks.run(channelRangesTask, { bytes, dims, axis, isSymmetric })),
  )
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
  const found = { min, max, isFinite: true }
  const params = scaleParams(found, dtype, scaleOptions(format))
  const given = { dtype, ...params, fits: fitsType(found, dtype, params) }
  await Promise.all(pieces.map((piece) => tasks.run(quantizeWithTask, { ...piece, ...given })))
  return params
}
