import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/images.json'
import { LabError } from '../core/errors/lab-error'
import { decodeImage } from './decode-image'

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

const thrownBy = (bytes: Uint8Array): unknown => {
  try {
    decodeImage(bytes)
    return null
  } catch (error) {
    return error
  }
}

const codeOf = (error: unknown): string | null => (error instanceof LabError ? error.code : null)

describe('a PNG', () => {
  it.each(reference.png)('of kind $name is decoded to the same pixels as by Pillow', ({ png, expected }) => {
    const { data, ...facts } = decodeImage(bytesOf(png))
    const { data: pixels, ...expectedFacts } = expected
    expect(facts).toEqual(expectedFacts)
    expect(Buffer.from(data).equals(Buffer.from(pixels, 'base64'))).toBe(true)
  })

  it('cut at any byte is refused with data/invalid', () => {
    const whole = bytesOf(reference.png.find(({ name }) => name === 'palette-16')?.png ?? '')
    expect(whole.length).toBeGreaterThan(100)
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(thrownBy(whole.subarray(0, length))), `cut at ${length}`).toBe('data/invalid')
    }
  })

  it('with any flipped byte is decoded or refused with data/invalid, never anything else', () => {
    const whole = bytesOf(reference.png.find(({ name }) => name === 'grey-1-bit-interlaced')?.png ?? '')
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice()
      damaged[at] = (damaged[at] ?? 0) ^ 0x55
      const error = thrownBy(damaged)
      if (error) expect(codeOf(error), `byte ${at}`).toBe('data/invalid')
    }
  })

  it('that claims a huge size is refused by name before memory is reserved', () => {
    const whole = bytesOf(reference.png[0]?.png ?? '').slice()
    // Width and height of IHDR, and the checksum that makes the lie consistent.
    whole.set([0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff], 16)
    new DataView(whole.buffer).setUint32(29, crc32(whole.subarray(12, 29)))
    const error = thrownBy(whole)
    expect(codeOf(error)).toBe('data/invalid')
    expect(String(error)).toContain('2147483647 × 2147483647 is more than')
  })
})

describe('a JPEG', () => {
  it.each(reference.jpeg)('$name is decoded within a few levels of Pillow', ({ name, jpeg, expected }) => {
    const image = decodeImage(bytesOf(jpeg))
    const pixels = bytesOf(expected.data)
    expect([image.width, image.height, image.channels]).toEqual([expected.width, expected.height, 3])
    let total = 0
    let worst = 0
    image.data.forEach((value, at) => {
      const difference = Math.abs(value - (pixels[at] ?? NaN))
      total += difference
      worst = Math.max(worst, difference)
    })
    // Chroma that was halved is repeated here and interpolated by libjpeg.
    expect(worst).toBeLessThanOrEqual(name === '4:2:0' ? 16 : 4)
    expect(total / image.data.length).toBeLessThan(name === '4:2:0' ? 3 : 0.7)
  })

  it('cut at any byte is decoded or refused with data/invalid, and ends', () => {
    const whole = bytesOf(reference.jpeg[2]?.jpeg ?? '')
    for (let length = 3; length < whole.length; length += 7) {
      const error = thrownBy(whole.subarray(0, length))
      if (error) expect(codeOf(error), `cut at ${length}`).toBe('data/invalid')
    }
  })

  it('that claims a huge size is refused', () => {
    const whole = bytesOf(reference.jpeg[0]?.jpeg ?? '').slice()
    const frame = whole.findIndex((byte, at) => byte === 0xff && whole[at + 1] === 0xc0)
    whole.set([0xff, 0xff, 0xff, 0xff], frame + 5)
    expect(codeOf(thrownBy(whole))).toBe('data/invalid')
  })
})

it('anything else is refused with its first bytes named', () => {
  const error = thrownBy(new TextEncoder().encode('<html>'))
  expect(codeOf(error)).toBe('data/invalid')
  expect(String(error)).toContain('3c 68 74 6d')
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
