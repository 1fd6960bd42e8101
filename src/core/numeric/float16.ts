// IEEE 754 half precision: conversion from and to float32, round to nearest even, exact to the bit (NaN payloads included as far as
// they fit). float16 data are bit patterns in a Uint16Array. Saturation and other policies belong to the techniques that want them.

const INFINITY_BITS = 0x7c00
/** The largest finite float16. */
export const FLOAT16_MAX = 65504
/** The smallest positive float16, a subnormal: 2^-24. */
export const FLOAT16_MIN_POSITIVE = 2 ** -24

/**
 * float32 values → float16 bit patterns, into `target` of the same length. From 65520 on a value becomes infinity, unless `special` says
 * otherwise: it is asked for the float16 of every float32 pattern whose magnitude is no normal number of float16.
 */
export function encodeFloat16(
  values: Float32Array,
  target: Uint16Array<ArrayBuffer> = new Uint16Array(values.length),
  special: (bits: number) => number = roundSpecial,
): Uint16Array<ArrayBuffer> {
  const source = new Int32Array(values.buffer, values.byteOffset, values.length)
  let i = 0
  for (; i < source.length - 3; i += 4) {
    const a = source[i] as number
    const b = source[i + 1] as number
    const c = source[i + 2] as number
    const d = source[i + 3] as number
    if (isNormal(a) && isNormal(b) && isNormal(c) && isNormal(d)) {
      target[i] = roundNormal(a)
      target[i + 1] = roundNormal(b)
      target[i + 2] = roundNormal(c)
      target[i + 3] = roundNormal(d)
    } else {
      target[i] = isNormal(a) ? roundNormal(a) : special(a)
      target[i + 1] = isNormal(b) ? roundNormal(b) : special(b)
      target[i + 2] = isNormal(c) ? roundNormal(c) : special(c)
      target[i + 3] = isNormal(d) ? roundNormal(d) : special(d)
    }
  }
  for (; i < source.length; i++) {
    const a = source[i] as number
    target[i] = isNormal(a) ? roundNormal(a) : special(a)
  }
  return target
}

/** float16 bit patterns → float32 values; exact. */
export function decodeFloat16(patterns: Uint16Array): Float32Array<ArrayBuffer> {
  const target = new Uint32Array(patterns.length)
  for (let i = 0; i < patterns.length; i++) target[i] = widenBits(patterns[i] as number)
  return new Float32Array(target.buffer)
}

/** 2^-14 and 65504, between which the float16 is a normal number. */
const SMALLEST_NORMAL = 0x38800000
const LARGEST_NORMAL = 0x477fe000
const TOO_LARGE = 0x47800000

/** One comparison for both ends: what is below them wraps around. */
const isNormal = (bits: number): boolean =>
  ((bits & 0x7fffffff) - SMALLEST_NORMAL) >>> 0 <= LARGEST_NORMAL - SMALLEST_NORMAL

/** Rebias the exponent (127 → 15) and round half to even; a carry out of the mantissa lands in the exponent, as it should. */
const roundNormal = (bits: number): number =>
  ((bits >>> 16) & 0x8000) | (((bits & 0x7fffffff) - 0x38000000 + 0xfff + ((bits >>> 13) & 1)) >>> 13)

/** float32 bits → float16 bits where `isNormal` does not hold. */
export function roundSpecial(bits: number): number {
  const magnitude = bits & 0x7fffffff
  if (magnitude < SMALLEST_NORMAL) return ((bits >>> 16) & 0x8000) | roundSubnormal(magnitude)
  return magnitude < TOO_LARGE ? roundNormal(bits) : ((bits >>> 16) & 0x8000) | roundHuge(magnitude)
}

/** 65536 and above, infinity and NaN. A NaN whose payload does not reach the upper ten bits must not turn into infinity. */
function roundHuge(magnitude: number): number {
  if (magnitude <= 0x7f800000) return INFINITY_BITS
  return INFINITY_BITS | ((magnitude >>> 13) & 0x3ff || 1)
}

/** Below 2^-14: the result counts units of 2^-24. */
function roundSubnormal(magnitude: number): number {
  const exponent = magnitude >>> 23
  if (exponent < 102) return 0
  const mantissa = (magnitude & 0x7fffff) | 0x800000
  const shift = 126 - exponent
  const units = mantissa >>> shift
  const rest = mantissa & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return rest > half || (rest === half && (units & 1) === 1) ? units + 1 : units
}

/** float16 bits → float32 bits. */
function widenBits(pattern: number): number {
  const sign = (pattern & 0x8000) << 16
  const magnitude = pattern & 0x7fff
  if (magnitude >= INFINITY_BITS) return sign | 0x7f800000 | ((magnitude & 0x3ff) << 13)
  if (magnitude >= 0x400) return sign | ((magnitude << 13) + 0x38000000)
  if (magnitude === 0) return sign
  // A subnormal: shift its leading one to bit 10, which float32 does not store.
  const shift = Math.clz32(magnitude) - 21
  return sign | ((113 - shift) << 23) | (((magnitude << shift) & 0x3ff) << 13)
}
