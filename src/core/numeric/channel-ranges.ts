// Smallest and largest value per scale of a tensor: what scale and zero point are computed from. Zero counts as one of the values, as
// every quantized range must hold it.

import { eachChunk, eachSegment, type ScaleLayout, type Segment } from './scale-layout'

/** One entry per scale of the layout; a scale without elements has the range 0 to 0. */
export interface ChannelRanges {
  /** Zero or below. */
  readonly min: Float32Array
  /** Zero or above. */
  readonly max: Float32Array
  /** False when there is a NaN or an infinity somewhere; the ranges are then of no use. */
  readonly isFinite: boolean
}

/** `bytes`: float32 values, which need not be aligned. */
export function channelRanges(bytes: Uint8Array, layout: ScaleLayout): ChannelRanges {
  const min = new Int32Array(layout.scales)
  const max = new Int32Array(layout.scales)
  eachChunk(bytes, (chunk) => {
    eachSegment(chunk, layout, (segment) => {
      if (layout.width === 1) widenRun(chunk.bits, segment, min, max)
      else widenRow(chunk.bits, segment, layout.width, min, max)
    })
  })
  const isFinite = isBelowInfinity(min) && isBelowInfinity(max)
  for (let i = 0; i < min.length; i++) if (min[i] !== 0) min[i] = (min[i] as number) | SIGN
  return { min: new Float32Array(min.buffer), max: new Float32Array(max.buffer), isFinite }
}

const SIGN = -0x80000000
const INFINITY_BITS = 0x7f800000

const isBelowInfinity = (magnitudes: Int32Array): boolean => magnitudes.every((bits) => bits < INFINITY_BITS)

// The hot loops work on bit patterns: as signed integers, those of positive floats order as the floats do and those of negative floats are
// negative. With the sign bit flipped the same holds for the magnitudes of negative floats. A NaN is larger than infinity on its side.

function widenRun(bits: Int32Array, { from, to, scale }: Readonly<Segment>, min: Int32Array, max: Int32Array): void {
  let low = min[scale] as number
  let high = max[scale] as number
  for (let i = from; i < to; i++) {
    const pattern = bits[i] as number
    if (pattern > high) high = pattern
    const mirrored = pattern ^ -0x80000000
    if (mirrored > low) low = mirrored
  }
  min[scale] = low
  max[scale] = high
}

function widenRow(bits: Int32Array, segment: Readonly<Segment>, width: number, min: Int32Array, max: Int32Array): void {
  const { from, to } = segment
  const end = segment.scale + width
  let scale = segment.scale + segment.phase
  for (let i = from; i < to; i++) {
    const pattern = bits[i] as number
    if (pattern > (max[scale] as number)) max[scale] = pattern
    const mirrored = pattern ^ -0x80000000
    if (mirrored > (min[scale] as number)) min[scale] = mirrored
    scale = scale + 1 === end ? segment.scale : scale + 1
  }
}
