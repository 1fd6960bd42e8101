// Dense symmetric linear algebra in float64: what GPTQ needs of it and nothing more. Matrices are square, row-major, n · n numbers. The
// loops work on blocks that stay in the cache, because a Gram matrix of a wide layer (3072² · 8 bytes = 75 MB) does not.

/** Rows and columns of a block: 64 rows of 64 numbers are 32 KB. */
const BLOCK = 64

/**
 * The upper triangular U with A⁻¹ = Uᵀ U, for a symmetric positive definite A, in place of A. The inverse itself is never formed: read
 * from the last row to the first, A = R Rᵀ with R upper triangular, and U = R⁻¹. About n³ / 3 multiplications. Undefined where A is not
 * positive definite (or holds values that are not finite); its numbers are lost then.
 */
export function upperCholeskyOfInverse(a: Float64Array, n: number): Float64Array | undefined {
  // Rows and columns from last to first: an upper triangular matrix becomes a lower one.
  if (!choleskyInPlace(a.reverse(), n)) return undefined
  invertLower(a, n)
  return a.reverse()
}

/** The lower triangular L with A = L Lᵀ; zeros above the diagonal. Only the lower half of A is read. False: not positive definite. */
function choleskyInPlace(a: Float64Array, n: number): boolean {
  const panel = new Float64Array(n * BLOCK)
  for (let start = 0; start < n; start += BLOCK) {
    const end = Math.min(start + BLOCK, n)
    if (!factorPanel(a, n, start, end)) return false
    for (let i = end; i < n; i++) panel.set(a.subarray(i * n + start, i * n + end), i * BLOCK)
    for (let row = end; row < n; row += BLOCK) {
      for (let column = end; column <= row; column += BLOCK) subtractProducts(a, n, panel, row, column)
    }
  }
  for (let i = 0; i < n; i++) a.fill(0, i * n + i + 1, i * n + n)
  return true
}

/** Columns `start` to `end` of L, from the diagonal down; what the columns before contribute is already subtracted. */
function factorPanel(a: Float64Array, n: number, start: number, end: number): boolean {
  for (let i = start; i < n; i++) {
    const row = i * n
    const last = Math.min(i, end - 1)
    for (let j = start; j <= last; j++) {
      const other = j * n
      let rest = a[row + j] as number
      for (let p = start; p < j; p++) rest -= (a[row + p] as number) * (a[other + p] as number)
      if (j < i) a[row + j] = rest / (a[other + j] as number)
      else if (rest > 0 && rest < Infinity) a[row + j] = Math.sqrt(rest)
      else return false
    }
  }
  return true
}

/**
 * a[i, j] −= panel row i · panel row j, for the block of rows and columns that starts at `row`, `column`. Two by two: each number read
 * serves two products. The panel is a copy, because rows of the matrix itself, n numbers apart, fall on the same lines of the cache.
 */
function subtractProducts(a: Float64Array, n: number, panel: Float64Array, row: number, column: number): void {
  const lastRow = Math.min(row + BLOCK, n)
  const lastColumn = Math.min(column + BLOCK, n)
  for (let i = row; i < lastRow; i += 2) {
    const hasRow = i + 1 < lastRow
    const x = i * BLOCK
    const nextX = hasRow ? x + BLOCK : x
    for (let j = column; j < lastColumn; j += 2) {
      const hasColumn = j + 1 < lastColumn
      const y = j * BLOCK
      const nextY = hasColumn ? y + BLOCK : y
      let s00 = 0
      let s01 = 0
      let s10 = 0
      let s11 = 0
      for (let p = 0; p < BLOCK; p++) {
        const x0 = panel[x + p] as number
        const x1 = panel[nextX + p] as number
        const y0 = panel[y + p] as number
        const y1 = panel[nextY + p] as number
        s00 += x0 * y0
        s01 += x0 * y1
        s10 += x1 * y0
        s11 += x1 * y1
      }
      const at = i * n + j
      a[at] = (a[at] as number) - s00
      if (hasColumn) a[at + 1] = (a[at + 1] as number) - s01
      if (hasRow) a[at + n] = (a[at + n] as number) - s10
      if (hasRow && hasColumn) a[at + n + 1] = (a[at + n + 1] as number) - s11
    }
  }
}

/** L⁻¹ of a lower triangular L, in place. Row i of it is −(Σ over k < i of L[i, k] · row k of it) / L[i, i], diagonal aside. */
function invertLower(l: Float64Array, n: number): void {
  const factors = new Float64Array(BLOCK * n)
  for (let start = 0; start < n; start += BLOCK) {
    const end = Math.min(start + BLOCK, n)
    for (let i = start; i < end; i++) {
      factors.set(l.subarray(i * n, i * n + i), (i - start) * n)
      l.fill(0, i * n, i * n + i)
    }
    // Rows of the inverse that are done, a block at a time for all rows of this block.
    for (let k = 0; k < start; k += BLOCK) {
      for (let i = start; i < end; i++)
        subtractRows(l, n, i, factors.subarray((i - start) * n), { from: k, to: k + BLOCK })
    }
    for (let i = start; i < end; i++) {
      subtractRows(l, n, i, factors.subarray((i - start) * n), { from: start, to: i })
      const diagonal = l[i * n + i] as number
      for (let j = 0; j < i; j++) l[i * n + j] = (l[i * n + j] as number) / diagonal
      l[i * n + i] = 1 / diagonal
    }
  }
}

interface Span {
  readonly from: number
  readonly to: number
}

/** Row i −= Σ factors[k] · row k, for rows `from` to `to` of a lower triangular matrix, which end at their diagonals. */
function subtractRows(l: Float64Array, n: number, i: number, factors: Float64Array, { from, to }: Span): void {
  const row = i * n
  let k = from
  for (; k + 3 < to; k += 4) {
    const f0 = factors[k] as number
    const f1 = factors[k + 1] as number
    const f2 = factors[k + 2] as number
    const f3 = factors[k + 3] as number
    const k0 = k * n
    const k1 = k0 + n
    const k2 = k1 + n
    const k3 = k2 + n
    // Zeros stand above the diagonals, so the shorter rows may be read as far as the longest.
    for (let j = 0; j <= k + 3; j++) {
      const sum01 = f0 * (l[k0 + j] as number) + f1 * (l[k1 + j] as number)
      const sum23 = f2 * (l[k2 + j] as number) + f3 * (l[k3 + j] as number)
      l[row + j] = (l[row + j] as number) - (sum01 + sum23)
    }
  }
  for (; k < to; k++) {
    const factor = factors[k] as number
    for (let j = 0; j <= k; j++) l[row + j] = (l[row + j] as number) - factor * (l[k * n + j] as number)
  }
}
