// Conformance test C3: float32 in 16 and 8 bits. Lathe writes float16 only; bfloat16 and float8 E4M3FN stand here as written in the
// specification, so that who reads such a file later finds conversions that are known to be right.

import { expect, it } from 'vitest'
import { encodeFloat16 } from '../../src/core/numeric/float16'
import { roundHalfEven } from '../../src/core/numeric/rounding'

const hex = (pattern: number, digits: number): string => pattern.toString(16).toUpperCase().padStart(digits, '0')

/** Adds half a unit of the upper 16 bits, less one where they are even. */
function bfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

/** Round half to even on the grid of the exponent, saturating: 4 bits of exponent with bias 7, 3 of mantissa, largest 448. */
function float8E4M3FN(value: number): number {
  const sign = value < 0 ? 0x80 : 0
  const magnitude = Math.abs(value)
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -6)
  const units = roundHalfEven(magnitude / 2 ** (exponent - 3))
  return sign | Math.min(units + (exponent + 6) * 8, 0x7e)
}

it.each([
  [0.1, '2E66'],
  [2048.5, '6800'],
  [2049, '6800'],
  [65519, '7BFF'],
  [65520, '7C00'],
  [1e-7, '0002'],
  [6.1e-5, '03FF'],
])('%d is %s in float16', (value, pattern) => {
  expect(hex(encodeFloat16(Float32Array.of(value))[0] ?? 0, 4)).toBe(pattern)
})

it.each([
  [1.00390625, '3F80'],
  [1.01171875, '3F82'],
  [Math.PI, '4049'],
  [-Math.E, 'C02E'],
  [65504, '4780'],
])('%d is %s in bfloat16', (value, pattern) => {
  expect(hex(bfloat16(value), 4)).toBe(pattern)
})

it.each([
  [0.3, '2A'],
  [1, '38'],
  [448, '7E'],
  [460, '7E'],
  [17, '58'],
  [1e-3, '01'],
  [-0.0017, '81'],
])('%d is %s in float8 E4M3FN', (value, pattern) => {
  expect(hex(float8E4M3FN(value), 2)).toBe(pattern)
})
