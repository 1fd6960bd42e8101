import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FLOAT16_MAX, FLOAT16_MIN_POSITIVE, decodeFloat16, encodeFloat16 } from './float16'

const hex = (values: readonly number[]): string[] =>
  Array.from(encodeFloat16(Float32Array.from(values)), (bits) => bits.toString(16).padStart(4, '0').toUpperCase())

/** The value of a pattern by the definition of the format, in float64. */
function valueOf(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1
  const exponent = (pattern >> 10) & 31
  const fraction = pattern & 0x3ff
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Round half to even by search over the finite magnitudes, which increase with their pattern. */
function nearest(value: number): number {
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  let low = 0
  let high = 0x7bff
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (valueOf(middle) <= magnitude) low = middle
    else high = middle - 1
  }
  if (low === 0x7bff) return sign | low
  const below = magnitude - valueOf(low)
  const above = valueOf(low + 1) - magnitude
  return sign | (below < above || (below === above && low % 2 === 0) ? low : low + 1)
}

describe('float16', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, pattern) => pattern)

  it('decodes each of the 65,536 patterns to the value that the format defines', () => {
    const decoded = decodeFloat16(all)
    for (let pattern = 0; pattern < 65536; pattern++) {
      if (!Object.is(decoded[pattern], valueOf(pattern)))
        expect([pattern, decoded[pattern]]).toEqual([pattern, valueOf(pattern)])
    }
  })

  it('encodes each decoded pattern back to itself, NaN payloads included', () => {
    expect(encodeFloat16(decodeFloat16(all))).toEqual(all)
  })

  it('rounds the midpoint between neighbours to the even one, and the next float32 on either side to the nearer one', () => {
    const bits = new Uint32Array(1)
    const value = new Float32Array(bits.buffer)
    for (let pattern = 0; pattern < 0x7bff; pattern++) {
      value[0] = (valueOf(pattern) + valueOf(pattern + 1)) / 2
      const middle = bits[0] as number
      const rounded = [-1, 0, 1].map((step) => {
        bits[0] = middle + step
        return encodeFloat16(value)[0]
      })
      const even = pattern % 2 === 0 ? pattern : pattern + 1
      if (rounded[0] !== pattern || rounded[1] !== even || rounded[2] !== pattern + 1) {
        expect(rounded).toEqual([pattern, even, pattern + 1])
      }
    }
  })

  it('gives the values of conformance test C3', () => {
    expect(hex([0.1, 2048.5, 2049, 65519, 65520, 1e-7, 6.1e-5])).toEqual([
      '2E66',
      '6800',
      '6800',
      '7BFF',
      '7C00',
      '0002',
      '03FF',
    ])
  })

  it('turns infinities, zeros and NaN into themselves, and a NaN with low payload bits only into a NaN', () => {
    expect(hex([Infinity, -Infinity, 0, -0, NaN])).toEqual(['7C00', 'FC00', '0000', '8000', '7E00'])
    const lowPayload = new Float32Array(Uint32Array.of(0x7f800001).buffer)
    expect(encodeFloat16(lowPayload)[0]).toBe(0x7c01)
  })

  it('rounds any float32 to the nearest float16, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        expect(encodeFloat16(Float32Array.of(value))[0]).toBe(nearest(value))
      }),
      { numRuns: 2000 },
    )
  })

  it('names its largest and smallest values', () => {
    expect(Array.from(decodeFloat16(Uint16Array.of(0x7bff, 1)))).toEqual([FLOAT16_MAX, FLOAT16_MIN_POSITIVE])
  })

  it('reads from a view into a larger buffer', () => {
    const buffer = Float32Array.of(9, 1, 2)
    expect(Array.from(encodeFloat16(buffer.subarray(1)))).toEqual([0x3c00, 0x4000])
  })
})
