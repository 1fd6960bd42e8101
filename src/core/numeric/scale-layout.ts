// Which scale each element of a tensor belongs to, and the walk over the elements in that order. Works on raw little-endian bytes in
// small chunks, so a tensor is never copied as a whole: that is what keeps the memory of compressing a large model close to the size of
// its file.

import { LabError } from '../errors/lab-error'

/**
 * A tensor is a row of lines, a line a row of groups (the last one of a line may be shorter), and a group shares `width` scales: its
 * element i takes scale i mod `width` of them. Group after group takes the next `width` scales, from the first again after the last.
 */
export interface ScaleLayout {
  /** Number of scales. */
  readonly scales: number
  /** 1 where neighbours share a scale; the length of a row where every column has its own. */
  readonly width: number
  readonly groupSize: number
  readonly lineSize: number
}

/**
 * One scale for the tensor (`axis` undefined), one per index along `axis`, or one per block of `blockSize` elements along it. A negative
 * axis counts from the end. Throws `model/invalid` for an axis that the tensor lacks.
 */
export function channelLayout(dims: readonly number[], axis: number | undefined, blockSize?: number): ScaleLayout {
  if (axis === undefined) {
    const count = Math.max(product(dims), 1)
    return { scales: 1, width: 1, groupSize: count, lineSize: count }
  }
  const position = axis < 0 ? axis + dims.length : axis
  const length = dims[position]
  if (length === undefined) {
    throw new LabError('model/invalid', `Axis ${axis} does not exist in a tensor of rank ${dims.length}.`, { axis })
  }
  const outer = product(dims.slice(0, position))
  const inner = product(dims.slice(position + 1))
  if (blockSize !== undefined) {
    const scales = outer * Math.ceil(length / blockSize) * inner
    return { scales, width: inner, groupSize: blockSize * inner, lineSize: length * inner }
  }
  if (inner === 1) return { scales: length, width: length, groupSize: length * outer, lineSize: length * outer }
  return { scales: length, width: 1, groupSize: inner, lineSize: inner }
}

/** The scale of element `i` of the flattened tensor. */
export function scaleIndex({ scales, width, groupSize, lineSize }: ScaleLayout, i: number): number {
  const group = Math.floor(i / lineSize) * Math.ceil(lineSize / groupSize) + Math.floor((i % lineSize) / groupSize)
  return (group * width + (i % width)) % scales
}

/** Shape of the scales: a scalar, a vector, or with blocks that of the tensor with fewer indices along the axis. */
export function scaleDims(dims: readonly number[], axis: number | undefined, blockSize?: number): readonly number[] {
  if (axis === undefined) return []
  const position = axis < 0 ? axis + dims.length : axis
  const length = dims[position] ?? 0
  return blockSize === undefined ? [length] : dims.with(position, Math.ceil(length / blockSize))
}

const product = (dims: readonly number[]): number => dims.reduce((count, dim) => count * dim, 1)

/** Fits the first-level cache, and fills whole bytes in every packing. */
const CHUNK_VALUES = 16384
const ROWS_A_TURN = 8

/** Elements of a chunk: whole rows where rows share scales, by the eight, as the loops over them take up to eight at a time. */
export function chunkLength({ width }: ScaleLayout): number {
  return width === 1 ? CHUNK_VALUES : ROWS_A_TURN * width * Math.ceil(CHUNK_VALUES / (ROWS_A_TURN * width))
}

/** A piece of a tensor, as numbers and as their bit patterns. Only lent: the next piece may lie in the same memory. */
export interface Chunk {
  readonly values: Float32Array
  readonly bits: Int32Array
  /** Index of the first element in the tensor. */
  readonly start: number
}

/** Calls `visit` with consecutive pieces of the float32 values in `bytes`, which need not be aligned. `length`: values of a piece. */
export function eachChunk(bytes: Uint8Array, length: number, visit: (chunk: Chunk) => void): void {
  const count = Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT)
  const isAligned = bytes.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0
  const scratch = isAligned ? undefined : new Uint8Array(4 * Math.min(length, count))
  for (let start = 0; start < count; start += length) {
    const size = Math.min(length, count - start)
    const piece = bytes.subarray(4 * start, 4 * (start + size))
    scratch?.set(piece)
    const { buffer, byteOffset } = scratch ?? piece
    const values = new Float32Array(buffer, byteOffset, size)
    visit({ values, bits: new Int32Array(buffer, byteOffset, size), start })
  }
}

/** Elements `from` to `to` of a chunk with the scales from `scale` on: one for all, or one per column of whole rows. */
export interface Segment {
  from: number
  to: number
  scale: number
}

/**
 * Calls `visit` with the segments of a chunk of `chunkLength(layout)` elements, or of the shorter last one. The segment is only lent.
 */
export function eachSegment(chunk: Chunk, layout: ScaleLayout, visit: (segment: Readonly<Segment>) => void): void {
  const { scales, width, groupSize, lineSize } = layout
  const count = chunk.values.length
  const groupsPerLine = Math.ceil(lineSize / groupSize)
  let inLine = chunk.start % lineSize
  let inGroup = inLine % groupSize
  const group = Math.floor(chunk.start / lineSize) * groupsPerLine + Math.floor(inLine / groupSize)
  const segment: Segment = { from: 0, to: 0, scale: (group * width) % scales }
  while (segment.to < count) {
    const rest = Math.min(groupSize - inGroup, lineSize - inLine)
    segment.from = segment.to
    segment.to = Math.min(count, segment.from + rest)
    visit(segment)
    inGroup = 0
    inLine = inLine + rest === lineSize ? 0 : inLine + rest
    segment.scale = segment.scale + width === scales ? 0 : segment.scale + width
  }
}
