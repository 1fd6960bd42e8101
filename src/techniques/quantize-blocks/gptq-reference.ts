// GPTQ once more from its definition, in float64 and as slow as it likes: after each rounding the best change of the weights still free is
// taken from the inverse of their own part of H (Optimal Brain Surgeon), which is then reduced by elimination. No Cholesky, no blocks.

import type { BlockCodes, BlockRequest } from './block-codes'

interface Grid {
  readonly scale: number
  readonly zeroPoint: number
}

const rounded = (x: number): number => {
  const down = Math.floor(x)
  if (x - down !== 0.5) return Math.round(x)
  return down % 2 === 0 ? down : down + 1
}

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN

/** `gram`: k × k. `order`: input channels in the order of rounding; scales are taken beforehand where it is given. */
export function gptqReference(
  request: BlockRequest,
  gram: ArrayLike<number>,
  damping: number,
  order?: readonly number[],
): BlockCodes {
  const { rows, n, k, blockSize, bits, symmetric } = request
  const maxCode = 2 ** bits - 1
  const blocks = Math.ceil(k / blockSize)
  const codes = new Uint8Array(n * k)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  const whole = inverted(dampedRows(gram, k, damping))
  for (let row = 0; row < n; row++) {
    const weights = Array.from(rows.subarray(row * k, (row + 1) * k))
    const inverse = whole.map((values) => [...values])
    const grids = order
      ? Array.from({ length: blocks }, (_, b) => gridOf(blockOf(weights, b, blockSize), maxCode, symmetric))
      : []
    for (const channel of order ?? weights.keys()) {
      const block = Math.floor(channel / blockSize)
      const grid = (grids[block] ??= gridOf(blockOf(weights, block, blockSize), maxCode, symmetric))
      const code = Math.min(Math.max(rounded(at(weights, channel) / grid.scale) + grid.zeroPoint, 0), maxCode)
      codes[row * k + channel] = code
      scales[row * blocks + block] = grid.scale
      zeroPoints[row * blocks + block] = grid.zeroPoint
      const pivotRow = inverse[channel] ?? []
      const pivot = at(pivotRow, channel)
      const error = (at(weights, channel) - (code - grid.zeroPoint) * grid.scale) / pivot
      for (const [j, value] of pivotRow.entries()) weights[j] = at(weights, j) - error * value
      eliminate(inverse, channel)
    }
  }
  return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
}

const blockOf = (weights: readonly number[], block: number, blockSize: number): readonly number[] =>
  weights.slice(block * blockSize, (block + 1) * blockSize)

function gridOf(weights: readonly number[], maxCode: number, symmetric: boolean): Grid {
  const min = Math.min(0, ...weights)
  const max = Math.max(0, ...weights)
  const middle = (maxCode + 1) / 2
  if (symmetric) return { scale: Math.fround(-(max > -min ? max : min) / middle), zeroPoint: middle }
  const scale = Math.fround((max - min) / maxCode)
  return { scale, zeroPoint: Math.min(rounded(-min / scale), maxCode) }
}

function dampedRows(gram: ArrayLike<number>, k: number, damping: number): number[][] {
  const h = Array.from({ length: k }, (_, i) => Array.from({ length: k }, (_, j) => at(gram, i * k + j)))
  const live = h.map((row, i) => at(row, i)).filter((value) => value > 0)
  const mean = live.reduce((sum, value) => sum + value, 0) / live.length
  return h.map((row, i) => row.map((value, j) => (i !== j ? value : value === 0 ? 1 : value + damping * mean)))
}

/** Gauss–Jordan; a positive definite matrix needs no pivoting. */
function inverted(h: readonly (readonly number[])[]): number[][] {
  const n = h.length
  const wide = h.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (const [i, pivotRow] of wide.entries()) {
    const pivot = at(pivotRow, i)
    for (let j = 0; j < 2 * n; j++) pivotRow[j] = at(pivotRow, j) / pivot
    for (const other of wide) {
      if (other === pivotRow) continue
      const factor = at(other, i)
      for (let j = 0; j < 2 * n; j++) other[j] = at(other, j) - factor * at(pivotRow, j)
    }
  }
  return wide.map((row) => row.slice(n))
}

/** Takes row and column `channel` out of the matrix whose inverse is given: the rest becomes the inverse of the rest. */
function eliminate(inverse: number[][], channel: number): void {
  const pivotRow = [...(inverse[channel] ?? [])]
  const pivot = at(pivotRow, channel)
  for (const row of inverse) {
    const factor = at(row, channel) / pivot
    for (const [j, value] of pivotRow.entries()) row[j] = at(row, j) - factor * value
  }
}
