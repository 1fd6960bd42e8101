// Bilinear resize with antialiasing, computed like Pillow's `Image.resize(…, BILINEAR)` down to the rounding (two passes in 22-bit
// fixed point, uint8 between them), because the resizers of browsers differ and accuracy would differ with them.

import { LabError } from '../core/errors/lab-error'
import type { RawImage } from './raw-image'

const PRECISION_BITS = 32 - 8 - 2
const HALF = 1 << (PRECISION_BITS - 1)

interface Taps {
  /** First source position per target position. */
  readonly start: Int32Array
  /** `width` fixed-point weights per target position; unused ones are 0. */
  readonly weights: Int32Array
  readonly width: number
}

/** Returns `image` itself when it has that size already. Throws `options/invalid` for a size that is not a positive integer. */
export function resizeImage(image: RawImage, width: number, height: number): RawImage {
  for (const [name, size] of Object.entries({ width, height })) {
    if (Number.isInteger(size) && size > 0) continue
    throw new LabError('options/invalid', `An image cannot be resized to a ${name} of ${size}.`, {
      path: name,
      got: size,
    })
  }
  const narrowed = image.width === width ? image : resizeRows(image, width)
  return narrowed.height === height ? narrowed : resizeColumns(narrowed, height)
}

function resizeRows(image: RawImage, width: number): RawImage {
  const { channels, height } = image
  const taps = bilinearTaps(image.width, width)
  const data = new Uint8Array(width * height * channels)
  let at = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * image.width + (taps.start[x] ?? 0)) * channels
      for (let c = 0; c < channels; c++) data[at++] = weighted(image.data, taps, x, from + c, channels)
    }
  }
  return { width, height, channels, data }
}

function resizeColumns(image: RawImage, height: number): RawImage {
  const { channels, width } = image
  const taps = bilinearTaps(image.height, height)
  const rowBytes = width * channels
  const data = new Uint8Array(rowBytes * height)
  let at = 0
  for (let y = 0; y < height; y++) {
    const from = (taps.start[y] ?? 0) * rowBytes
    for (let column = 0; column < rowBytes; column++)
      data[at++] = weighted(image.data, taps, y, from + column, rowBytes)
  }
  return { width, height, channels, data }
}

/** Σ weight · value over the taps of `target`, rounded and clipped to a byte. `stride`: distance of two taps in `data`. */
function weighted(data: Uint8Array, taps: Taps, target: number, from: number, stride: number): number {
  const first = target * taps.width
  let sum = HALF
  for (let tap = 0; tap < taps.width; tap++) {
    const weight = taps.weights[first + tap] ?? 0
    // Weights past the end of the row are 0, what they would read does not matter.
    if (weight !== 0) sum += weight * (data[from + tap * stride] ?? 0)
  }
  return Math.min(Math.max(sum >> PRECISION_BITS, 0), 255)
}

/** The triangle filter, widened by the scale when shrinking (that is the antialiasing). */
function bilinearTaps(sourceSize: number, targetSize: number): Taps {
  const scale = sourceSize / targetSize
  const support = Math.max(scale, 1)
  const width = Math.ceil(support) * 2 + 1
  const start = new Int32Array(targetSize)
  const weights = new Int32Array(targetSize * width)
  for (let target = 0; target < targetSize; target++) {
    const center = (target + 0.5) * scale
    const first = Math.max(Math.trunc(center - support + 0.5), 0)
    const end = Math.min(Math.trunc(center + support + 0.5), sourceSize)
    const exact: number[] = []
    for (let source = first; source < end; source++) {
      exact.push(Math.max(1 - Math.abs((source - center + 0.5) / support), 0))
    }
    const total = exact.reduce((sum, weight) => sum + weight, 0)
    start[target] = first
    exact.forEach(
      (weight, tap) => (weights[target * width + tap] = Math.trunc(0.5 + (weight / total) * (1 << PRECISION_BITS))),
    )
  }
  return { start, weights, width }
}
