// Rounding of lookup tables for GatherBlockQuantized, as ONNX Runtime's quantizer does it in numpy (1.30), bit for bit: float32, a division,
// halves to even. It differs from what the same tool does with matrices.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, roomFor, type BlockAlgorithm } from './block-codes'
import { rangeOf } from './block-range'

export const roundTable: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits, symmetric } = request
  const blocks = blockCount(request)
  const codes = roomFor(request)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  const middle = 2 ** (bits - 1)
  const top = 2 * middle - 1
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks) * k
    const from = row + (block % blocks) * blockSize
    const to = Math.min(from + blockSize, row + k)
    const { low, high } = rangeOf(rows, from, to, symmetric ? (rows[from] as number) : 0)
    const dominant = Math.abs(high) > Math.abs(low) ? high : low
    const scale = symmetric ? Math.fround(dominant / -middle) : Math.fround(Math.fround(high - low) / top)
    if (!Number.isFinite(scale)) return undefined
    const isFlat = symmetric || scale === 0
    const zeroPoint = isFlat ? middle : Math.min(Math.max(roundHalfEven(Math.fround(-low / scale)), 0), top)
    scales[block] = scale
    zeroPoints[block] = zeroPoint
    for (let i = from; i < to; i++) {
      const quotient = scale === 0 ? 0 : Math.fround((rows[i] as number) / scale)
      codes[i] = Math.min(Math.max(roundHalfEven(Math.fround(quotient + zeroPoint)), 0), top)
    }
  }
  return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
}
