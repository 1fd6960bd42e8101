// Turns matrices of 8-bit integers around, for kernels that want weights as [K, N].

import { makeTensor, tensorBytes, type Tensor } from '../../core/model/tensor'

/** Rows and columns that fit a cache together. */
const TILE = 64

/** Exchanges the last two dimensions of `stack`, a tensor of one byte per element and rank 2 or more. */
export function transposeBytes(stack: Tensor): Tensor {
  const [rows = 0, columns = 0] = stack.dims.slice(-2)
  const source = tensorBytes(stack)
  const target = new Uint8Array(source.length)
  const size = rows * columns
  for (let start = 0; start < source.length; start += size) {
    transposeMatrix(source.subarray(start, start + size), target.subarray(start, start + size), rows, columns)
  }
  return makeTensor(stack.name, stack.dtype, [...stack.dims.slice(0, -2), columns, rows], target)
}

function transposeMatrix(source: Uint8Array, target: Uint8Array, rows: number, columns: number): void {
  for (let top = 0; top < rows; top += TILE) {
    for (let left = 0; left < columns; left += TILE) {
      const bottom = Math.min(rows, top + TILE)
      const right = Math.min(columns, left + TILE)
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          target[column * rows + row] = source[row * columns + column] as number
        }
      }
    }
  }
}
