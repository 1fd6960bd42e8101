import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packSubByte, unpackSubByte, type SubByteWidth } from './pack-sub-byte'

const pack = (values: readonly number[], bits: SubByteWidth): number[] => {
  const bytes = new Uint8Array(Math.ceil((values.length * bits) / 8))
  packSubByte(values, bits, bytes)
  return [...bytes]
}

describe('packSubByte', () => {
  it('gives the bytes of conformance test C2', () => {
    expect(pack([1, 2, 3, 15, 7], 4)).toEqual([0x21, 0xf3, 0x07])
    expect(pack([-8, 7, -1, 0], 4)).toEqual([0x78, 0x0f])
    expect(pack([0, 1, 2, 3], 2)).toEqual([0xe4])
    expect(pack([0, 1, -2, -1], 2)).toEqual([0xe4])
  })

  it('writes where it is told to and nowhere else', () => {
    const bytes = new Uint8Array(4).fill(0xaa)
    packSubByte([1, 2, 3], 4, bytes, 1)
    expect([...bytes]).toEqual([0xaa, 0x21, 0x03, 0xaa])
  })
})

describe('unpackSubByte', () => {
  it('gives the values of conformance test C2', () => {
    const byte = Uint8Array.of(0xe4)
    expect([...unpackSubByte(byte, 2, 4, false)]).toEqual([0, 1, 2, 3])
    expect([...unpackSubByte(byte, 2, 4, true)]).toEqual([0, 1, -2, -1])
    expect([...unpackSubByte(Uint8Array.of(0x78, 0x0f), 4, 4, true)]).toEqual([-8, 7, -1, 0])
  })

  it.each<[SubByteWidth, boolean, number, number]>([
    [4, true, -8, 7],
    [4, false, 0, 15],
    [2, true, -2, 1],
    [2, false, 0, 3],
  ])('restores any %d-bit values, signed %s', (bits, isSigned, min, max) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min, max }), { maxLength: 70 }), (values) => {
        expect([...unpackSubByte(Uint8Array.from(pack(values, bits)), bits, values.length, isSigned)]).toEqual(values)
      }),
    )
  })
})
