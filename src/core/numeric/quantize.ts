// float32 values → integers by the formula of QuantizeLinear: q = clip(rhe(x / scale) + zeroPoint), one scale for everything or one
// per channel. Works on raw little-endian bytes in small chunks, so a tensor is never copied as a whole: that is what keeps the
// memory of compressing a large model close to the size of its file.

import { LabError } from '../errors/lab-error'
import { QUANT_LIMITS, quantParams, type QuantDType, type QuantParams } from './quant-params'
import { ROUNDING_SHIFT, roundHalfEven } from './rounding'

/** 8-bit types: the ones that are stored one value a byte. */
export type ByteDType = 'int8' | 'uint8'

/** Element i belongs to channel floor(i / inner) mod channels. One channel is the whole tensor. */
export interface ChannelLayout {
  readonly channels: number
  readonly inner: number
}

export interface ChannelRanges {
  readonly min: Float32Array
  readonly max: Float32Array
  /** False when there is a NaN or an infinity somewhere; the ranges are then of no use. */
  readonly isFinite: boolean
}

export interface QuantizedChannels {
  readonly values: Int8Array | Uint8Array
  /** One entry per channel. */
  readonly scales: Float32Array
  readonly zeroPoints: readonly number[]
}

const CHUNK_VALUES = 16384

/** `axis` undefined: one scale for the whole tensor. A negative axis counts from the end. */
export function channelLayout(dims: readonly number[], axis: number | undefined): ChannelLayout {
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (axis === undefined) return { channels: 1, inner: Math.max(count, 1) }
  const position = axis < 0 ? axis + dims.length : axis
  const channels = dims[position]
  if (channels === undefined) {
    throw new LabError('model/invalid', `Axis ${axis} does not exist in a tensor of rank ${dims.length}.`, { axis })
  }
  return { channels, inner: dims.slice(position + 1).reduce((product, dim) => product * dim, 1) }
}

/** Calls `visit` with consecutive pieces of the float32 values in `bytes`, which need not be aligned. Pieces are only lent. */
function eachChunk(bytes: Uint8Array, visit: (values: Float32Array, start: number) => void): void {
  const count = Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT)
  const isAligned = bytes.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0
  const scratch = isAligned ? undefined : new Float32Array(Math.min(CHUNK_VALUES, count))
  for (let start = 0; start < count; start += CHUNK_VALUES) {
    const length = Math.min(CHUNK_VALUES, count - start)
    if (!scratch) {
      visit(new Float32Array(bytes.buffer, bytes.byteOffset + 4 * start, length), start)
      continue
    }
    new Uint8Array(scratch.buffer).set(bytes.subarray(4 * start, 4 * (start + length)))
    visit(scratch.subarray(0, length), start)
  }
}

/** Smallest and largest value of each channel; an empty channel has the range 0 to 0. */
export function channelRanges(bytes: Uint8Array, layout: ChannelLayout): ChannelRanges {
  const min = new Float32Array(layout.channels).fill(Infinity)
  const max = new Float32Array(layout.channels).fill(-Infinity)
  eachRun(bytes, layout, (values, from, to, channel) => {
    if (layout.inner === 1) widenEach(values, channel, min, max)
    else widen(values, from, to, channel, { min, max })
  })
  for (let channel = 0; channel < min.length; channel++) {
    if ((min[channel] as number) > (max[channel] as number)) min[channel] = max[channel] = 0
  }
  return { min, max, isFinite: min.every(Number.isFinite) && max.every(Number.isFinite) }
}

/** The integers for `bytes` with the given parameters (one scale and zero point per channel). */
export function quantizeWith(
  bytes: Uint8Array,
  layout: ChannelLayout,
  dtype: ByteDType,
  scales: Float32Array,
  zeroPoints: readonly number[],
): Int8Array | Uint8Array {
  const count = Math.floor(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT)
  const target = dtype === 'int8' ? new Int8Array(count) : new Uint8Array(count)
  const params = { scales, zeroPoints, limits: QUANT_LIMITS[dtype] }
  eachRun(bytes, layout, (values, from, to, channel, start) => {
    if (layout.inner === 1) roundEach(values, target.subarray(start, start + values.length), channel, params)
    else roundRun(values.subarray(from, to), target.subarray(start + from, start + to), channel, params)
  })
  return target
}

/**
 * Calls `visit` for each run of one channel inside each chunk: positions `from` to `to` of `values`, which start at element `start`.
 * Where channels change with every element (`inner` 1), a run is a whole chunk and `channel` that of its first element.
 */
function eachRun(
  bytes: Uint8Array,
  { channels, inner }: ChannelLayout,
  visit: (values: Float32Array, from: number, to: number, channel: number, start: number) => void,
): void {
  eachChunk(bytes, (values, start) => {
    let channel = Math.floor(start / inner) % channels
    if (inner === 1) return visit(values, 0, values.length, channel, start)
    let left = inner - (start % inner)
    for (let from = 0; from < values.length; from += left, left = inner) {
      visit(values, from, Math.min(values.length, from + left), channel, start)
      channel = channel + 1 === channels ? 0 : channel + 1
    }
  })
}

// The four hot loops. They stand alone, without captured variables, because engines compile them several times faster that way.
// `Math.min` and `Math.max` pass NaN on, so a NaN ends up in the range of its channel.

function widen(
  values: Float32Array,
  from: number,
  to: number,
  channel: number,
  ranges: Omit<ChannelRanges, 'isFinite'>,
): void {
  let low = ranges.min[channel] as number
  let high = ranges.max[channel] as number
  for (let i = from; i < to; i++) {
    low = Math.min(low, values[i] as number)
    high = Math.max(high, values[i] as number)
  }
  ranges.min[channel] = low
  ranges.max[channel] = high
}

function widenEach(values: Float32Array, first: number, min: Float32Array, max: Float32Array): void {
  let channel = first
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    min[channel] = Math.min(min[channel] as number, value)
    max[channel] = Math.max(max[channel] as number, value)
    channel = channel + 1 === min.length ? 0 : channel + 1
  }
}

interface ChannelParams {
  readonly scales: Float32Array
  readonly zeroPoints: readonly number[]
  readonly limits: readonly [lowest: number, highest: number]
}

function roundRun(values: Float32Array, target: Int8Array | Uint8Array, channel: number, params: ChannelParams): void {
  const shift = ROUNDING_SHIFT
  const scale = params.scales[channel] as number
  const zeroPoint = params.zeroPoints[channel] as number
  const lowest = params.limits[0] - zeroPoint
  const highest = params.limits[1] - zeroPoint
  for (let i = 0; i < values.length; i++) {
    // Clipping before rounding gives the same integer, as the limits are integers, and keeps `| 0` cheap.
    const q = Math.min(Math.max(Math.fround((values[i] as number) / scale), lowest), highest)
    target[i] = ((q + shift - shift) | 0) + zeroPoint
  }
}

function roundEach(values: Float32Array, target: Int8Array | Uint8Array, first: number, params: ChannelParams): void {
  const shift = ROUNDING_SHIFT
  const { scales, zeroPoints } = params
  const [lowest, highest] = params.limits
  let channel = first
  for (let i = 0; i < values.length; i++) {
    const zeroPoint = zeroPoints[channel] as number
    const quotient = Math.fround((values[i] as number) / (scales[channel] as number))
    const q = Math.min(Math.max(quotient, lowest - zeroPoint), highest - zeroPoint)
    target[i] = ((q + shift - shift) | 0) + zeroPoint
    channel = channel + 1 === scales.length ? 0 : channel + 1
  }
}

/**
 * Quantizes with the best range per channel. Symmetric channels all get the middle zero point, also where the data are zeros:
 * integer kernels need one zero point for all channels. Returns undefined when a value is not finite.
 */
export function quantizeChannels(
  bytes: Uint8Array,
  layout: ChannelLayout,
  dtype: ByteDType,
  symmetric: boolean,
  reduceRange = false,
): QuantizedChannels | undefined {
  const ranges = channelRanges(bytes, layout)
  if (!ranges.isFinite) return undefined
  const { zeroPoint: middle } = quantParams(-1, 1, dtype, { symmetric: true, reduceRange })
  const params = Array.from(ranges.min, (min, channel) =>
    quantParams(min, ranges.max[channel] as number, dtype, { symmetric, reduceRange }),
  )
  const scales = Float32Array.from(params, ({ scale }) => scale)
  const zeroPoints = params.map(({ zeroPoint }) => (symmetric ? middle : zeroPoint))
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
