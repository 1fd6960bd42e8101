// The one image decoder of Lathe, the same in the page and in the command line: PNG and JPEG, told apart by their first bytes.
// Alpha is dropped, colour profiles and EXIF orientation are not applied.

import jpeg from 'jpeg-js'
import { LabError } from '../core/errors/lab-error'
import { decodePng } from './decode-png'
import type { RawImage } from './raw-image'

/** Larger images are refused before memory is reserved. */
const MAX_PIXELS = 50_000_000

/** Throws `data/invalid` for anything that is not a whole PNG or JPEG of at most `MAX_PIXELS`. */
export function decodeImage(bytes: Uint8Array): RawImage {
  const startsWith = (...magic: number[]): boolean => magic.every((byte, at) => bytes[at] === byte)
  if (startsWith(0x89, 0x50, 0x4e, 0x47)) return decodePng(bytes, MAX_PIXELS)
  if (startsWith(0xff, 0xd8, 0xff)) return decodeJpeg(bytes)
  const first = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  throw new LabError('data/invalid', `An image must be PNG or JPEG; this file starts with "${first}".`, {
    byteOffset: 0,
  })
}

function decodeJpeg(bytes: Uint8Array): RawImage {
  try {
    const options = {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MAX_PIXELS / 1e6,
    } as const
    const { width, height, data } = jpeg.decode(bytes, options)
    return { width, height, channels: 3, data }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LabError('data/invalid', `The JPEG cannot be decoded: ${reason}.`, {}, { cause })
  }
}
