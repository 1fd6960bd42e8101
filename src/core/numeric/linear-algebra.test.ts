// U of A⁻¹ = Uᵀ U, held against the definition: multiplied out, it must give back the inverse of A.

import { expect, test } from 'vitest'

import { upperCholeskyOfInverse } from './linear-algebra'
import { seededRng } from './rng'

/** X Xᵀ / n + a tenth of the identity, for a normal X. */
function randomPositiveDefinite(n: number, seed: number): Float64Array {
  const rng = seededRng(seed)
  const x = Float64Array.from({ length: n * n }, () => rng.normal())
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    let sum = 0
    for (let p = 0; p < n; p++) sum += (x[i * n + p] ?? 0) * (x[j * n + p] ?? 0)
    return sum / n + (i === j ? 0.1 : 0)
  })
}

const product = (a: Float64Array, b: Float64Array, n: number): Float64Array =>
  Float64Array.from({ length: n * n }, (_, at) => {
    let sum = 0
    for (let p = 0; p < n; p++) sum += (a[Math.floor(at / n) * n + p] ?? 0) * (b[p * n + (at % n)] ?? 0)
    return sum
  })

const transposed = (a: Float64Array, n: number): Float64Array =>
  a.map((_, at) => a[(at % n) * n + Math.floor(at / n)] ?? 0)

const largestDifference = (a: Float64Array, b: Float64Array): number =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] ?? NaN))), 0)

const identity = (n: number): Float64Array =>
  Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0))

// Sizes below, at and above a block of 64, odd ones among them.
test.each([1, 2, 3, 63, 64, 65, 131])('Uᵀ U is the inverse of the matrix and U is upper triangular, %i rows', (n) => {
  const a = randomPositiveDefinite(n, n)
  const u = upperCholeskyOfInverse(a.slice(), n) ?? new Float64Array()
  const inverse = product(transposed(u, n), u, n)
  expect(largestDifference(product(inverse, a, n), identity(n))).toBeLessThan(1e-10)
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) expect(u[i * n + j]).toBe(0)
})

test('a matrix that is not positive definite has no such factor', () => {
  expect(upperCholeskyOfInverse(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined()
  expect(upperCholeskyOfInverse(Float64Array.of(NaN), 1)).toBeUndefined()
})
