// Turns a matrix of 8-bit integers around, for kernels that want weights as [K, N].

import { makeTensor, tensorBytes, type Tensor } from '../../core/model/tensor'

/** Rows and columns that fit a cache together. */
const TILE = 64

/** `matrix`: a rank-2 tensor of one byte per element. */
export function transposeBytes(matrix: Tensor): Tensor {
  const [rows = 0, columns = 0] = matrix.dims
  const source = tensorBytes(matrix)
  const target = new Uint8Array(source.length)
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
  return makeTensor(matrix.name, matrix.dtype, [columns, rows], target)
}
