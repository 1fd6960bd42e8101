// Rounding to the nearest step of each block, as ONNX Runtime's own quantizer does it (`MatMulNBitsQuantizer`, algorithm DEFAULT, 1.30),
// bit for bit: everything in float32, halves away from zero, a reciprocal instead of a division.

import { blockCount, roomFor, type BlockAlgorithm, type BlockRequest } from './block-codes'
import { areFinite } from './block-weight'

/** Weights for MatMulNBits: the zero point is added before rounding. */
export const roundToNearest: BlockAlgorithm = (request) =>
  request.nibbles
    ? roundBlocks(request, request.nibbles, roundPairs)
    : roundBlocks(request, roomFor(request), roundSums)

/** Weights behind DequantizeLinear: the zero point is added after rounding, which tells for halves below zero. */
export const roundToNearestQdq: BlockAlgorithm = (request) => roundBlocks(request, roomFor(request), roundQuotients)

/** Above it the reciprocal is a float32 value. */
const LEAST_SCALE = 2 ** -127

function roundBlocks(request: BlockRequest, codes: Uint8Array, round: typeof roundSums): ReturnType<BlockAlgorithm> {
  const { rows, k, blockSize, bits, symmetric } = request
  const blocks = request.n * blockCount(request)
  const extremes = new Int32Array(2 * blocks)
  findExtremes(new Int32Array(rows.buffer, rows.byteOffset, rows.length), k, blockSize, extremes)
  const scales = new Float32Array(blocks)
  const zeroPoints = new Uint8Array(blocks)
  const magnitudes = new Float32Array(extremes.buffer)
  if (symmetric) symmetricSteps(magnitudes, bits, scales, zeroPoints)
  else asymmetricSteps(magnitudes, bits, scales, zeroPoints)
  if (!areFinite(scales)) return undefined
  const factors = reciprocals(scales)
  round({ rows, k, blockSize, bits, factors, zeroPoints }, codes)
  return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
}

/** A scale is negative where the dominant value is positive: that value is then the lowest code, which is met exactly. */
function symmetricSteps(magnitudes: Float32Array, bits: number, scales: Float32Array, zeroPoints: Uint8Array): void {
  const middle = 2 ** (bits - 1)
  zeroPoints.fill(middle)
  for (let block = 0; block < scales.length; block++) {
    const high = magnitudes[2 * block] as number
    const low = magnitudes[2 * block + 1] as number
    scales[block] = (low > 0 && low >= high ? low : -high) / middle
  }
}

/** Of scales so small that their reciprocal overflows nothing is left: 0. */
function reciprocals(scales: Float32Array): Float32Array {
  const factors = new Float32Array(scales.length)
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block] as number
    factors[block] = Math.abs(scale) < LEAST_SCALE ? 0 : 1 / scale
  }
  return factors
}

/** The range reaches from the smallest to the largest value and holds zero. */
function asymmetricSteps(magnitudes: Float32Array, bits: number, scales: Float32Array, zeroPoints: Uint8Array): void {
  const top = 2 ** bits - 1
  for (let block = 0; block < scales.length; block++) {
    const low = magnitudes[2 * block + 1] as number
    const scale = Math.fround(Math.fround((magnitudes[2 * block] as number) + low) / top)
    scales[block] = scale
    zeroPoints[block] = scale === 0 ? 0 : Math.min(Math.floor(Math.fround(low / scale) + 0.5), top)
  }
}

// The hot loops. They stand alone, on numbers and typed arrays only, because engines compile them several times faster that way.

/**
 * The largest value above zero and the magnitude of the smallest one below it, 0 where there is none, of each block, as bit patterns.
 * Patterns without their sign are in the order of the numbers, so the largest is found without a branch: `above` is how much a pattern
 * exceeds the largest so far, `above & ~(above >> 31)` is that or 0. New extremes come so irregularly that branches cost more.
 */
function findExtremes(patterns: Int32Array, k: number, blockSize: number, found: Int32Array): void {
  let at = 0
  for (let row = 0; row < patterns.length; row += k) {
    for (let from = row; from < row + k; from += blockSize) {
      const to = Math.min(from + blockSize, row + k)
      let high = 0
      let low = 0
      for (let i = from; i < to; i++) {
        const pattern = patterns[i] as number
        const sign = pattern >> 31
        const above = ((pattern & ~sign) - high) | 0
        const below = ((pattern & sign & 0x7fff_ffff) - low) | 0
        high = (high + (above & ~(above >> 31))) | 0
        low = (low + (below & ~(below >> 31))) | 0
      }
      found[at++] = high
      found[at++] = low
    }
  }
}

interface Steps {
  readonly rows: Float32Array
  readonly k: number
  readonly blockSize: number
  readonly bits: number
  /** Reciprocals of the scales, float32. */
  readonly factors: Float32Array
  readonly zeroPoints: Uint8Array
}

/** round(value · factor + zero point). The sum is between -1 and 2^bits + 1: `| 0` makes 0 of what is below, the shift cuts off 2^bits. */
function roundSums({ rows, k, blockSize, bits, factors, zeroPoints }: Steps, codes: Uint8Array): void {
  let block = 0
  for (let row = 0; row < rows.length; row += k) {
    for (let from = row; from < row + k; from += blockSize) {
      const to = Math.min(from + blockSize, row + k)
      const factor = factors[block] as number
      const zeroPoint = zeroPoints[block++] as number
      for (let i = from; i < to; i++) {
        const code = (Math.fround(Math.fround((rows[i] as number) * factor) + zeroPoint) + 0.5) | 0
        codes[i] = code - (code >> bits)
      }
    }
  }
}

/** `roundSums` of whole blocks, two codes of 4 bits a byte: spares writing and reading each code once more. */
function roundPairs({ rows, blockSize, factors, zeroPoints }: Steps, nibbles: Uint8Array): void {
  let at = 0
  let block = 0
  for (let from = 0; from < rows.length; from += blockSize) {
    const factor = factors[block] as number
    const zeroPoint = zeroPoints[block++] as number
    for (let i = from; i < from + blockSize; i += 2) {
      const low = (Math.fround(Math.fround((rows[i] as number) * factor) + zeroPoint) + 0.5) | 0
      const high = (Math.fround(Math.fround((rows[i + 1] as number) * factor) + zeroPoint) + 0.5) | 0
      nibbles[at++] = (low - (low >> 4)) | ((high - (high >> 4)) << 4)
    }
  }
}

/** round(value · factor) + zero point. */
function roundQuotients({ rows, k, blockSize, bits, factors, zeroPoints }: Steps, codes: Uint8Array): void {
  const top = 2 ** bits - 1
  let block = 0
  for (let row = 0; row < rows.length; row += k) {
    for (let from = row; from < row + k; from += blockSize) {
      const to = Math.min(from + blockSize, row + k)
      const factor = factors[block] as number
      const zeroPoint = zeroPoints[block++] as number
      for (let i = from; i < to; i++) {
        const quotient = Math.fround((rows[i] as number) * factor)
        const code = zeroPoint + (quotient < 0 ? -((0.5 - quotient) | 0) : (quotient + 0.5) | 0)
        codes[i] = code > top ? top : code < 0 ? 0 : code
      }
    }
  }
}
