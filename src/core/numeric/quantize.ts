// float32 values → integers by the formula of QuantizeLinear: q = clip(rhe(x / scale) + zeroPoint), one scale for everything, one per
// channel or one per block. Finding scale and zero point is the business of `quant-params.ts`, the range of the data of `channel-ranges.ts`.

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
export { channelRanges } from './channel-ranges'
export { channelLayout } from './scale-layout'
import { ROUNDING_SHIFT, roundHalfEven } from './rounding'
import { CHUNK_VALUES, eachChunk, eachSegment, type ScaleLayout, type Segment } from './scale-layout'

/** 8-bit types: the ones that are stored one value a byte. */
export type ByteDType = 'int8' | 'uint8'

/** As ONNX stores them: 4-bit integers packed, two a byte. */
export type IntegerValues = Int8Array | Uint8Array | Int16Array | Uint16Array

/** One entry per scale of the layout. */
export interface ScaleParams {
  readonly scales: Float32Array
  readonly zeroPoints: readonly number[]
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
  dtype: ByteDType,
  scales: Float32Array,
  zeroPoints: readonly number[],
): Int8Array | Uint8Array
export function quantizeWith(
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  scales: Float32Array,
  zeroPoints: readonly number[],
): IntegerValues
export function quantizeWith(
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  scales: Float32Array,
  zeroPoints: readonly number[],
): IntegerValues {
  const count = Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT)
  const bits = BITS[dtype]
  const stored = new Uint8Array(Math.ceil((count * bits) / 8))
  const unpacked = new Uint8Array(bits === 4 ? CHUNK_VALUES : 0)
  const all = bits === 16 ? new Uint16Array(stored.buffer) : stored
  const rounding = makeRounding(dtype, scales, zeroPoints)
  eachChunk(bytes, (chunk) => {
    const { values, start } = chunk
    const codes = bits === 4 ? unpacked.subarray(0, values.length) : all.subarray(start, start + values.length)
    eachSegment(chunk, layout, (segment) => {
      if (layout.width === 1) roundRun(values, codes, segment, rounding)
      else roundRow(values, codes, segment, layout.width, rounding)
    })
    if (bits === 4) packSubByte(codes, 4, stored, start / 2)
  })
  return typedView(stored, dtype)
}

const BITS: Readonly<Record<QuantDType, 4 | 8 | 16>> = { int4: 4, uint4: 4, int8: 8, uint8: 8, int16: 16, uint16: 16 }

function typedView({ buffer }: Uint8Array, dtype: QuantDType): IntegerValues {
  switch (dtype) {
    case 'int8':
      return new Int8Array(buffer)
    case 'int16':
      return new Int16Array(buffer)
    case 'uint16':
      return new Uint16Array(buffer)
    default:
      return new Uint8Array(buffer)
  }
}

/** Integers of any type, one number each, as ONNX stores them. */
export function storeIntegers(values: readonly number[], dtype: QuantDType): IntegerValues {
  const bits = BITS[dtype]
  const stored = new Uint8Array(Math.ceil((values.length * bits) / 8))
  if (bits === 4) packSubByte(values, 4, stored)
  else if (bits === 16) new Uint16Array(stored.buffer).set(values)
  else stored.set(values)
  return typedView(stored, dtype)
}

interface Rounding {
  /** 1 / scale in float64, see `roundRun`. */
  readonly inverses: Float64Array
  readonly zeroPoints: Int32Array
  readonly lowest: number
  readonly highest: number
}

const makeRounding = (dtype: QuantDType, scales: Float32Array, zeroPoints: readonly number[]): Rounding => ({
  inverses: Float64Array.from(scales, (scale) => 1 / scale),
  zeroPoints: Int32Array.from(zeroPoints),
  lowest: QUANT_LIMITS[dtype][0],
  highest: QUANT_LIMITS[dtype][1],
})

// The hot loops. They stand alone, without captured variables, because engines compile them several times faster that way.
//
// fround(x · (1 / scale)) in float64 is fround(x / scale) to the bit, and a product takes a fraction of the time of a quotient. Proof: the
// product is off by less than 2^-51 of its value. A quotient of two float32 numbers, X / S with X, S < 2^24, differs from a midpoint
// between float32 numbers, M with M < 2^25, by |X - M S| / S in proper units. The numerator is an integer and not 0, as quotients are
// never midpoints, so the distance is at least 2^-49 of the value: product and quotient lie on the same side of every midpoint.
// (Quotients below 2^-126 have other midpoints; they round to 0 either way.)

function roundRun(
  values: Float32Array,
  codes: Uint8Array | Uint16Array,
  segment: Readonly<Segment>,
  rounding: Rounding,
) {
  const shift = ROUNDING_SHIFT
  const { from, to, scale } = segment
  const inverse = rounding.inverses[scale] as number
  const zeroPoint = rounding.zeroPoints[scale] as number
  const lowest = rounding.lowest - zeroPoint
  const highest = rounding.highest - zeroPoint
  for (let i = from; i < to; i++) {
    // Clipping before rounding gives the same integer, as the limits are integers, and keeps `| 0` cheap.
    const q = Math.min(Math.max(Math.fround((values[i] as number) * inverse), lowest), highest)
    codes[i] = ((q + shift) | 0) + zeroPoint
  }
}

function roundRow(
  values: Float32Array,
  codes: Uint8Array | Uint16Array,
  segment: Readonly<Segment>,
  width: number,
  { inverses, zeroPoints, lowest, highest }: Rounding,
): void {
  const shift = ROUNDING_SHIFT
  const { from, to } = segment
  const end = segment.scale + width
  let scale = segment.scale + segment.phase
  for (let i = from; i < to; i++) {
    const zeroPoint = zeroPoints[scale] as number
    const quotient = Math.fround((values[i] as number) * (inverses[scale] as number))
    const q = Math.min(Math.max(quotient, lowest - zeroPoint), highest - zeroPoint)
    codes[i] = ((q + shift) | 0) + zeroPoint
    scale = scale + 1 === end ? segment.scale : scale + 1
  }
}

/**
 * Scale and zero point of each range. Symmetric channels all get the middle zero point, also where the data are zeros: integer kernels need
 * one zero point for all channels. Throws `data/invalid` where a range overflows.
 */
export function scaleParams({ min, max }: ChannelRanges, dtype: QuantDType, options: ScaleOptions = {}): ScaleParams {
  const paramsOf = options.isBlocked ? blockParams : quantParams
  const params = Array.from(min, (low, i) => paramsOf(low, max[i] as number, dtype, options))
  const middle = options.symmetric ? middleZeroPoint(dtype, options) : undefined
  return {
    scales: Float32Array.from(params, ({ scale }) => scale),
    zeroPoints: params.map(({ zeroPoint }) => middle ?? zeroPoint),
  }
}

/** Quantizes with the range of each channel or block: no data get scale 1 and zero point 0. Undefined when a value is not finite. */
export function quantizeChannels(
  bytes: Uint8Array,
  layout: ScaleLayout,
  dtype: QuantDType,
  options: ScaleOptions,
): QuantizedChannels | undefined {
  const ranges = channelRanges(bytes, layout)
  if (!ranges.isFinite) return undefined
  const { scales, zeroPoints } = scaleParams(ranges, dtype, bytes.byteLength === 0 ? {} : options)
  return { values: quantizeWith(bytes, layout, dtype, scales, zeroPoints), scales, zeroPoints }
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
