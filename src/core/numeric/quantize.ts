// float32 values → integers by the formula of QuantizeLinear: q = clip(rhe(x / scale) + zeroPoint), one scale for everything, one per
// channel or one per block. Finding scale and zero point is the business of `quant-params.ts`, the range of the data of `channel-ranges.ts`.

import { bytesOf } from '../model/tensor'
import { channelRanges, type ChannelRanges } from './channel-ranges'
import { packSubByte } from './pack-sub-byte'
import {
  blockParams,
  middleZeroPoint,
  QUANT_LIMITS,
  quantParams,
  type QuantDType,
  type QuantParamOptions,
  type QuantParams,
} from './quant-params'
import { ROUNDING_SHIFT, roundHalfEven } from './rounding'
import { chunkLength, eachChunk, eachSegment, type ScaleLayout, type Segment } from './scale-layout'

/** As ONNX stores them: 4-bit integers packed, two a byte. */
export type IntegerValues = Int8Array | Uint8Array | Int16Array | Uint16Array

/** One entry per scale of the layout. */
export interface ScaleParams {
  readonly scales: Float32Array
  readonly zeroPoints: Int32Array
}

export interface QuantizedChannels extends ScaleParams {
  readonly values: IntegerValues
}

/** `isBlocked`: the layout is one of blocks, for which the reference has other arithmetic. */
export interface ScaleOptions extends QuantParamOptions {
  readonly isBlocked?: boolean
}

/**
 * The integers for `bytes` with the given parameters, which must have one entry per scale of the layout. Codes are clipped to the whole
 * range of the type.
 */
export function quantizeWith(
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  scales: Float32Array,
  zeroPoints: Int32Array,
): IntegerValues {
  const values = makeIntegers(Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT), dtype)
  quantizeInto(bytesOf(values), bytes, layout, dtype, { scales, zeroPoints })
  return values
}

interface GivenParams extends ScaleParams {
  /** No code lies outside the type (`fitsType`), so none is clipped, which takes half the time. */
  readonly fits?: boolean
}

/** `quantizeWith` into memory that is there: `target` has the bytes of `makeIntegers`, aligned to the size of an integer. */
export function quantizeInto(
  target: Uint8Array,
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  { scales, zeroPoints, fits = false }: GivenParams,
): void {
  const bits = BITS[dtype]
  const length = chunkLength(layout)
  const unpacked = new Uint8Array(bits === 4 ? Math.min(length, 2 * target.length) : 0)
  const { buffer, byteOffset, byteLength } = target
  const all = bits === 16 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : target
  const [lowest, highest] = QUANT_LIMITS[dtype]
  const rounding = { inverses: inversesOf(scales), zeroPoints, lowest, highest }
  const [roundRun, roundRows] = fits ? [roundFittingRun, roundFittingRows] : [clipRun, clipRows]
  eachChunk(bytes, length, (chunk) => {
    const { values, start } = chunk
    const codes = bits === 4 ? unpacked.subarray(0, values.length) : all.subarray(start, start + values.length)
    eachSegment(chunk, layout, (segment) => {
      if (layout.width === 1) roundRun(values, codes, segment, rounding)
      else roundRows(values, codes, segment, layout.width, rounding)
    })
    if (bits === 4) packSubByte(codes, 4, target, start / 2)
  })
}

function inversesOf(scales: Float32Array): Float64Array {
  const inverses = new Float64Array(scales.length)
  for (let i = 0; i < scales.length; i++) inverses[i] = 1 / (scales[i] as number)
  return inverses
}

const BITS: Readonly<Record<QuantDType, 4 | 8 | 16>> = { int4: 4, uint4: 4, int8: 8, uint8: 8, int16: 16, uint16: 16 }

/** Room for `count` integers as ONNX stores them. `isShared`: that other threads can see. */
export function makeIntegers(count: number, dtype: QuantDType, isShared = false): IntegerValues {
  const size = Math.ceil((count * BITS[dtype]) / 8)
  const memory = isShared ? new SharedArrayBuffer(size) : new ArrayBuffer(size)
  switch (dtype) {
    case 'int8':
      return new Int8Array(memory)
    case 'int16':
      return new Int16Array(memory)
    case 'uint16':
      return new Uint16Array(memory)
    default:
      return new Uint8Array(memory)
  }
}

/** Integers of any type, one number each, as ONNX stores them. */
export function storeIntegers(values: ArrayLike<number>, dtype: QuantDType): IntegerValues {
  const stored = makeIntegers(values.length, dtype)
  if (BITS[dtype] === 4) packSubByte(values, 4, new Uint8Array(stored.buffer))
  else stored.set(values)
  return stored
}

interface Rounding {
  /** 1 / scale in float64. */
  readonly inverses: Float64Array
  readonly zeroPoints: Int32Array
  readonly lowest: number
  readonly highest: number
}

// The hot loops. They stand alone, without captured variables, because engines compile them several times faster that way; eight elements
// a turn take half the time of one. Adding ROUNDING_SHIFT rounds, and leaves the integer in the low bits, which is what `| 0` reads.
// Clipping happens before `| 0`, which would wrap, and on numbers that are visibly float64, as others would be boxed.
//
// fround(x · (1 / scale)) is fround(x / scale) to the bit, and phones divide slowly. Proof: in float64 the product is off by less than
// 2^-51 of its value. Seen as integers, x is X and scale S, both below 2^24. Their quotient is never midway between two float32 numbers,
// and its distance from such a midpoint M < 2^25 is |X - M S| / S, at least 1 / S: over 2^-50 of M. So quotient and product lie on
// the same side of every midpoint. (Quotients below 2^-126 have other midpoints, and round to 0 either way.)

function roundFittingRun(
  values: Float32Array,
  codes: Uint8Array | Uint16Array,
  { from, to, scale }: Readonly<Segment>,
  { inverses, zeroPoints }: Rounding,
): void {
  const shift = ROUNDING_SHIFT
  const inverse = inverses[scale] as number
  const zeroPoint = zeroPoints[scale] as number
  let i = from
  for (; i + 7 < to; i += 8) {
    codes[i] = ((Math.fround((values[i] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 1] = ((Math.fround((values[i + 1] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 2] = ((Math.fround((values[i + 2] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 3] = ((Math.fround((values[i + 3] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 4] = ((Math.fround((values[i + 4] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 5] = ((Math.fround((values[i + 5] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 6] = ((Math.fround((values[i + 6] as number) * inverse) + shift) | 0) + zeroPoint
    codes[i + 7] = ((Math.fround((values[i + 7] as number) * inverse) + shift) | 0) + zeroPoint
  }
  for (; i < to; i++) codes[i] = ((Math.fround((values[i] as number) * inverse) + shift) | 0) + zeroPoint
}

function roundFittingRows(
  values: Float32Array,
  codes: Uint8Array | Uint16Array,
  { from, to, scale: first }: Readonly<Segment>,
  width: number,
  { inverses, zeroPoints }: Rounding,
): void {
  const shift = ROUNDING_SHIFT
  let row = from
  for (; row + 7 * width < to; row += 8 * width) {
    for (let column = 0; column < width; column++) {
      const inverse = inverses[first + column] as number
      const zeroPoint = zeroPoints[first + column] as number
      const i = row + column
      codes[i] = ((Math.fround((values[i] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + width] = ((Math.fround((values[i + width] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + 2 * width] = ((Math.fround((values[i + 2 * width] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + 3 * width] = ((Math.fround((values[i + 3 * width] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + 4 * width] = ((Math.fround((values[i + 4 * width] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + 5 * width] = ((Math.fround((values[i + 5 * width] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + 6 * width] = ((Math.fround((values[i + 6 * width] as number) * inverse) + shift) | 0) + zeroPoint
      codes[i + 7 * width] = ((Math.fround((values[i + 7 * width] as number) * inverse) + shift) | 0) + zeroPoint
    }
  }
  for (; row < to; row += width) {
    for (let column = 0; column < width; column++) {
      const inverse = inverses[first + column] as number
      const zeroPoint = zeroPoints[first + column] as number
      codes[row + column] = ((Math.fround((values[row + column] as number) * inverse) + shift) | 0) + zeroPoint
    }
  }
}

function clipRun(
  values: Float32Array,
  codes: Uint8Array | Uint16Array,
  { from, to, scale }: Readonly<Segment>,
  { inverses, zeroPoints, lowest, highest }: Rounding,
): void {
  const inverse = inverses[scale] as number
  const zeroPoint = zeroPoints[scale] as number
  const low = lowest - zeroPoint + ROUNDING_SHIFT
  const high = highest - zeroPoint + ROUNDING_SHIFT
  for (let i = from; i < to; i++) {
    const a = Math.fround((values[i] as number) * inverse) + ROUNDING_SHIFT
    codes[i] = ((a < low ? low : a > high ? high : a) | 0) + zeroPoint
  }
}

function clipRows(
  values: Float32Array,
  codes: Uint8Array | Uint16Array,
  { from, to, scale: first }: Readonly<Segment>,
  width: number,
  { inverses, zeroPoints, lowest, highest }: Rounding,
): void {
  for (let row = from; row < to; row += width) {
    for (let column = 0; column < width; column++) {
      const zeroPoint = zeroPoints[first + column] as number
      const low = lowest - zeroPoint + ROUNDING_SHIFT
      const high = highest - zeroPoint + ROUNDING_SHIFT
      const a = Math.fround((values[row + column] as number) * (inverses[first + column] as number)) + ROUNDING_SHIFT
      codes[row + column] = ((a < low ? low : a > high ? high : a) | 0) + zeroPoint
    }
  }
}

/** Whether no value within the ranges gives a code outside the type. Rounding keeps the order of values, so the ends of a range tell. */
export function fitsType({ min, max }: ChannelRanges, dtype: QuantDType, { scales, zeroPoints }: ScaleParams): boolean {
  const [lowest, highest] = QUANT_LIMITS[dtype]
  for (let i = 0; i < scales.length; i++) {
    const scale = scales[i] as number
    const zeroPoint = zeroPoints[i] as number
    if (roundHalfEven(Math.fround((min[i] as number) / scale)) + zeroPoint < lowest) return false
    if (roundHalfEven(Math.fround((max[i] as number) / scale)) + zeroPoint > highest) return false
  }
  return true
}

/**
 * Scale and zero point of each range. Symmetric channels all get the middle zero point, also where the data are zeros: integer kernels need
 * one zero point for all channels. Throws `data/invalid` where a range overflows.
 */
export function scaleParams({ min, max }: ChannelRanges, dtype: QuantDType, options: ScaleOptions = {}): ScaleParams {
  const paramsOf = options.isBlocked ? blockParams : quantParams
  const middle = options.symmetric ? middleZeroPoint(dtype, options) : undefined
  const scales = new Float32Array(min.length)
  const zeroPoints = new Int32Array(min.length)
  for (let i = 0; i < min.length; i++) {
    const { scale, zeroPoint } = paramsOf(min[i] as number, max[i] as number, dtype, options)
    scales[i] = scale
    zeroPoints[i] = middle ?? zeroPoint
  }
  return { scales, zeroPoints }
}

/** Quantizes with the range of each channel or block: no data get scale 1 and zero point 0. Undefined when a value is not finite. */
export function quantizeChannels(
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  options: ScaleOptions,
): QuantizedChannels | undefined {
  const values = makeIntegers(Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT), dtype)
  const params = quantizeChannelsInto(bytesOf(values), bytes, layout, dtype, options)
  return params && { ...params, values }
}

/** `quantizeChannels` into memory that is there, see `quantizeInto`. */
export function quantizeChannelsInto(
  target: Uint8Array,
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  options: ScaleOptions,
): ScaleParams | undefined {
  const ranges = channelRanges(bytes, layout, options.symmetric)
  if (!ranges.isFinite) return undefined
  const params = scaleParams(ranges, dtype, bytes.byteLength === 0 ? {} : options)
  quantizeInto(target, bytes, layout, dtype, { ...params, fits: fitsType(ranges, dtype, params) })
  return params
}

/** One value, for any integer type; `scale` is a float32 value. */
export function quantizeValue(value: number, dtype: QuantDType, { scale, zeroPoint }: QuantParams): number {
  const [lowest, highest] = QUANT_LIMITS[dtype]
  const q = roundHalfEven(Math.fround(Math.fround(value) / scale)) + zeroPoint
  return Math.min(Math.max(q, lowest), highest)
}

/** Bias → int32 with the scale of the accumulator (input scale · weight scale, float32), one scale or one per element. */
export function quantizeBias(bias: Float32Array, scales: Float32Array): Int32Array {
  return Int32Array.from(bias, (value, i) => {
    const q = roundHalfEven(value / (scales[scales.length === 1 ? 0 : i] as number))
    return Math.min(Math.max(q, -(2 ** 31)), 2 ** 31 - 1)
  })
}
