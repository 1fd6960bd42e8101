// Rounding of lookup tables for GatherBlockQuantized, as ONNX Runtime's quantizer does it in numpy (1.30), bit for bit: float32, a division,
// halves to even. It differs from what the same tool does with matrices.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, type BlockAlgorithm } from './block-codes'

export const roundTable: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits, symmetric } = request
  const blocks = blockCount(request)
  const codes = new Uint8Array(n * k)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  const middle = 2 ** (bits - 1)
  const top = 2 * middle - 1
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks) * k
    const from = row + (block % blocks) * blockSize
    const to = Math.min(from + blockSize, row + k)
    let low = rows[from] as number
    let high = low
    for (let i = from + 1; i < to; i++) {
      low = Math.min(low, rows[i] as number)
      high = Math.max(high, rows[i] as number)
    }
    const dominant = Math.abs(high) > Math.abs(low) ? high : low
    low = Math.min(low, 0)
    high = Math.max(high, 0)
    const scale = symmetric ? Math.fround(dominant / -middle) : Math.fround(Math.fround(high - low) / top)
    if (!Number.isFinite(scale)) return undefined
    const isFlat = symmetric || scale === 0
    const zeroPoint = isFlat ? middle : Math.min(Math.max(roundHalfEven(Math.fround(-low / scale)), 0), top)
    scales[block] = scale
    zeroPoints[block] = zeroPoint
    if (scale === 0) codes.fill(middle, from, to)
    else divide(rows, codes, from, to, scale, zeroPoint, top)
  }
  return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
}

function divide(
  rows: Float32Array,
  codes: Uint8Array,
  from: number,
  to: number,
  scale: number,
  zeroPoint: number,
  top: number,
): void {
  for (let i = from; i < to; i++) {
    const code = roundHalfEven(Math.fround(Math.fround((rows[i] as number) / scale) + zeroPoint))
    codes[i] = Math.min(Math.max(code, 0), top)
  }
}
