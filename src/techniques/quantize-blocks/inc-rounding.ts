// Rounding to nearest as Intel Neural Compressor does it (`RTNWeightOnlyQuantConfig` of onnxruntime.quantization 1.30), bit for bit: the
// range is that of the values alone, scales are float64 until they are stored, halves go to even. A row is filled up with zeros to whole
// blocks. The original breaks blocks whose values all have one sign, as its zero point cannot leave the range of codes: here their range
// reaches to zero.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, roomFor, type BlockAlgorithm } from './block-codes'
import { rangeOf } from './block-range'

export const incRounding: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits, symmetric } = request
  const blocks = blockCount(request)
  const codes = roomFor(request)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  const top = 2 ** bits - 1
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks) * k
    const from = row + (block % blocks) * blockSize
    const to = Math.min(from + blockSize, row + k)
    // Zero belongs to the range: of a short block by the filling, of one with both signs anyway, of others for the reason above.
    const { low, high } = rangeOf(rows, from, to, 0)
    const range = symmetric ? 2 * Math.max(-low, high) : Math.fround(high - low)
    if (!Number.isFinite(range)) return undefined
    const scale = range === 0 ? 1 : range / top
    const zeroPoint = symmetric ? (top + 1) / 2 : roundHalfEven(-low / scale)
    scales[block] = scale
    zeroPoints[block] = zeroPoint
    for (let i = from; i < to; i++) {
      codes[i] = Math.min(Math.max(roundHalfEven((rows[i] as number) / scale + zeroPoint), 0), top)
    }
  }
  return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
}
