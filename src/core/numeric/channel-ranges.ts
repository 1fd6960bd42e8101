// Smallest and largest value per scale of a tensor: what scale and zero point are computed from. Zero counts as one of the values, as
// every quantized range must hold it.

import { chunkLength, eachChunk, eachSegment, type ScaleLayout, type Segment } from './scale-layout'

/** One entry per scale of the layout; a scale without elements has the range 0 to 0. */
export interface ChannelRanges {
  /** Zero or below. */
  readonly min: Float32Array
  /** Zero or above. */
  readonly max: Float32Array
  /** False when there is a NaN or an infinity somewhere; the ranges are then of no use. */
  readonly isFinite: boolean
}

/**
 * `bytes`: float32 values, which need not be aligned. `isSymmetric`: -max to max, the larger magnitude on both sides, which takes a third
 * less time.
 */
export function channelRanges(bytes: Uint8Array, layout: ScaleLayout, isSymmetric = false): ChannelRanges {
  const { scales, width } = layout
  const max = new Int32Array(scales)
  const min = isSymmetric ? max : new Int32Array(scales)
  eachChunk(bytes, chunkLength(layout), (chunk) => {
    const { bits } = chunk
    eachSegment(chunk, layout, (segment) => {
      if (width > 1 && isSymmetric) magnifyRows(bits, segment, width, max)
      else if (width > 1) widenRows(bits, segment, width, min, max)
      else if (isSymmetric) magnifyRun(bits, segment, max)
      else widenRun(bits, segment, min, max)
    })
  })
  const isFinite = isBelowInfinity(max) && isBelowInfinity(min)
  const negative = min.map((magnitude) => (magnitude === 0 ? 0 : magnitude | SIGN))
  return { min: new Float32Array(negative.buffer), max: new Float32Array(max.buffer), isFinite }
}

const SIGN = -0x80000000
const MAGNITUDE = 0x7fffffff
const INFINITY_BITS = 0x7f800000

const isBelowInfinity = (magnitudes: Int32Array): boolean => magnitudes.every((bits) => bits < INFINITY_BITS)

// The hot loops work on bit patterns: as signed integers, those of positive floats order as the floats do and those of negative floats are
// negative. With the sign bit flipped the same holds for the magnitudes of negative floats. A NaN is larger than infinity on its side.
// Four elements a turn take half the time of one, eight magnitudes a fifth less again. These four stand alone, without captured
// variables, so that engines compile them well.

function widenRun(bits: Int32Array, { from, to, scale }: Readonly<Segment>, min: Int32Array, max: Int32Array): void {
  let low = min[scale] as number
  let high = max[scale] as number
  let i = from
  for (; i + 3 < to; i += 4) {
    const a = bits[i] as number
    const b = bits[i + 1] as number
    const c = bits[i + 2] as number
    const d = bits[i + 3] as number
    if (a > high) high = a
    if (b > high) high = b
    if (c > high) high = c
    if (d > high) high = d
    if ((a ^ SIGN) > low) low = a ^ SIGN
    if ((b ^ SIGN) > low) low = b ^ SIGN
    if ((c ^ SIGN) > low) low = c ^ SIGN
    if ((d ^ SIGN) > low) low = d ^ SIGN
  }
  for (; i < to; i++) {
    const a = bits[i] as number
    if (a > high) high = a
    if ((a ^ SIGN) > low) low = a ^ SIGN
  }
  min[scale] = low
  max[scale] = high
}

function widenRows(
  bits: Int32Array,
  { from, to, scale }: Readonly<Segment>,
  width: number,
  min: Int32Array,
  max: Int32Array,
): void {
  let row = from
  for (; row + 3 * width < to; row += 4 * width) {
    for (let column = 0; column < width; column++) {
      const i = row + column
      const a = bits[i] as number
      const b = bits[i + width] as number
      const c = bits[i + 2 * width] as number
      const d = bits[i + 3 * width] as number
      let low = min[scale + column] as number
      let high = max[scale + column] as number
      if (a > high) high = a
      if (b > high) high = b
      if (c > high) high = c
      if (d > high) high = d
      if ((a ^ SIGN) > low) low = a ^ SIGN
      if ((b ^ SIGN) > low) low = b ^ SIGN
      if ((c ^ SIGN) > low) low = c ^ SIGN
      if ((d ^ SIGN) > low) low = d ^ SIGN
      min[scale + column] = low
      max[scale + column] = high
    }
  }
  for (; row < to; row += width) {
    for (let column = 0; column < width; column++) {
      const a = bits[row + column] as number
      if (a > (max[scale + column] as number)) max[scale + column] = a
      if ((a ^ SIGN) > (min[scale + column] as number)) min[scale + column] = a ^ SIGN
    }
  }
}

function magnifyRun(bits: Int32Array, { from, to, scale }: Readonly<Segment>, max: Int32Array): void {
  let high = max[scale] as number
  let i = from
  for (; i + 7 < to; i += 8) {
    const a = (bits[i] as number) & MAGNITUDE
    const b = (bits[i + 1] as number) & MAGNITUDE
    const c = (bits[i + 2] as number) & MAGNITUDE
    const d = (bits[i + 3] as number) & MAGNITUDE
    const e = (bits[i + 4] as number) & MAGNITUDE
    const f = (bits[i + 5] as number) & MAGNITUDE
    const g = (bits[i + 6] as number) & MAGNITUDE
    const h = (bits[i + 7] as number) & MAGNITUDE
    if (a > high || b > high || c > high || d > high || e > high || f > high || g > high || h > high) {
      high = Math.max(high, a, b, c, d, e, f, g, h)
    }
  }
  for (; i < to; i++) high = Math.max(high, (bits[i] as number) & MAGNITUDE)
  max[scale] = high
}

function magnifyRows(bits: Int32Array, segment: Readonly<Segment>, width: number, max: Int32Array): void {
  const { from, to, scale } = segment
  let row = from
  for (; row + 7 * width < to; row += 8 * width) {
    for (let column = 0; column < width; column++) {
      const i = row + column
      const a = (bits[i] as number) & MAGNITUDE
      const b = (bits[i + width] as number) & MAGNITUDE
      const c = (bits[i + 2 * width] as number) & MAGNITUDE
      const d = (bits[i + 3 * width] as number) & MAGNITUDE
      const e = (bits[i + 4 * width] as number) & MAGNITUDE
      const f = (bits[i + 5 * width] as number) & MAGNITUDE
      const g = (bits[i + 6 * width] as number) & MAGNITUDE
      const h = (bits[i + 7 * width] as number) & MAGNITUDE
      const high = max[scale + column] as number
      if (a > high || b > high || c > high || d > high || e > high || f > high || g > high || h > high) {
        max[scale + column] = Math.max(high, a, b, c, d, e, f, g, h)
      }
    }
  }
  for (; row < to; row += width) {
    for (let column = 0; column < width; column++) {
      const a = (bits[row + column] as number) & MAGNITUDE
      if (a > (max[scale + column] as number)) max[scale + column] = a
    }
  }
}
