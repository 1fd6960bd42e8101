// Blocks with the arithmetic of QuantizeLinear, as `quantize_static` with `BlockSize` of onnxruntime.quantization 1.30 does it: scale from
// the range with zero in it, a division, halves to even. Symmetric 8-bit codes leave out the lowest, so the range is -127 … 127.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, roomFor, type BlockAlgorithm } from './block-codes'
import { rangeOf, type BlockRange } from './block-range'

/** Below it, the smallest normal float32, a range counts as nothing. */
const TINY = 1.1754943508222875e-38

export const linearBlocks: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits, symmetric } = request
  const blocks = blockCount(request)
  const codes = roomFor(request)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  const top = 2 ** bits - 1
  const middle = 2 ** (bits - 1)
  const lowest = symmetric && bits === 8 ? 1 : 0
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks) * k
    const from = row + (block % blocks) * blockSize
    const to = Math.min(from + blockSize, row + k)
    const range = rangeOf(rows, from, to, 0)
    const { low, high } = symmetric ? symmetricRange(range) : range
    const raw = Math.fround(Math.fround(high - low) / (top - lowest))
    if (!Number.isFinite(raw)) return undefined
    const scale = raw < TINY ? 1 : raw
    const zeroPoint = symmetric ? middle : raw < TINY ? 0 : Math.min(Math.max(roundHalfEven(-low / scale), 0), top)
    scales[block] = scale
    zeroPoints[block] = zeroPoint
    for (let i = from; i < to; i++) {
      const code = roundHalfEven(Math.fround((rows[i] as number) / scale)) + zeroPoint
      codes[i] = Math.min(Math.max(code, lowest), top)
    }
  }
  return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
}

function symmetricRange({ low, high }: BlockRange): BlockRange {
  const farthest = Math.max(-low, high)
  return { low: -farthest, high: farthest }
}
