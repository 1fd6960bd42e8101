import fc from 'fast-check'
import { expect, test } from 'vitest'

import { bytesOf } from '../../core/model/tensor'
import { convertToFloat16 } from './convert-weights'
import { referenceFloat16 } from './reference'

const hex = (values: readonly number[]): string =>
  Array.from(convertToFloat16(bytesOf(Float32Array.from(values))).bits, (bits) => bits.toString(16).padStart(4, '0'))
    .join(' ')
    .toUpperCase()

test('the values of conformance test C34 come out', () => {
  expect(hex([1e-9, 5.96e-8, 6e-8, 1e5, 65504, 65520, Infinity, -1e5, -1e-9, 0, -0, 1 / 3, NaN])).toBe(
    '0001 0001 0001 7BFF 7BFF 7BFF 7C00 FBFF 8001 0000 8000 3555 7E00',
  )
})

test('any float32 becomes what the oracle says', () => {
  const special = fc.constantFrom(65504, 65519.99, 65520, 5.95e-8, 5.97e-8, 8.9e-8, 1e-45, 3.4e38)
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.float(), fc.float({ min: -9, max: 9 }), special), { maxLength: 20 }), (values) => {
      const floats = Float32Array.from(values)
      expect(Array.from(convertToFloat16(bytesOf(floats)).bits)).toEqual(Array.from(floats, referenceFloat16))
    }),
    { numRuns: 1000 },
  )
})

test('finite values that are too large are counted', () => {
  const values = Float32Array.of(0, -0, 1e6, Infinity, NaN, 1e-20, 1, -65505)
  expect(convertToFloat16(bytesOf(values)).clampedCount).toBe(2)
})

test('weights that are not aligned and longer than a chunk convert the same', () => {
  const values = Float32Array.from({ length: 40_000 }, (_, index) => Math.sin(index) * 10 ** ((index % 17) - 9))
  const shifted = new Uint8Array(values.byteLength + 1)
  shifted.set(bytesOf(values), 1)
  expect(Array.from(convertToFloat16(shifted.subarray(1)).bits)).toEqual(Array.from(values, referenceFloat16))
})
