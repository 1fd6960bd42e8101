import fc from 'fast-check'
import { expect, test } from 'vitest'

import { hashBytes, hasSameBytes } from './same-bytes'

/** The bytes at an offset of a larger buffer, as weights lie in a file. */
const placed = (bytes: Uint8Array, offset: number): Uint8Array => {
  const buffer = new Uint8Array(offset + bytes.length + 3).fill(0xa5)
  buffer.set(bytes, offset)
  return buffer.subarray(offset, offset + bytes.length)
}

test('bytes are the same wherever they lie, and one other bit makes them different', () => {
  const offset = fc.integer({ min: 0, max: 7 })
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), offset, offset, fc.nat(), (bytes, here, there, bit) => {
      const [a, b] = [placed(bytes, here), placed(bytes, there)]
      expect([hasSameBytes(a, b), hashBytes(a)]).toEqual([true, hashBytes(b)])
      const position = bit % (8 * bytes.length)
      const other = bytes.slice()
      other[position >> 3] = (other[position >> 3] ?? 0) ^ (1 << (position & 7))
      expect(hasSameBytes(a, placed(other, there))).toBe(false)
      expect(hashBytes(a)).not.toBe(hashBytes(other))
    }),
  )
  expect(hasSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false)
})
