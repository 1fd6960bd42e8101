// k-quant of llama.cpp in the form of onnxruntime.quantization 1.30, bit for bit: twenty grids are tried for each block; each gives codes,
// the codes a scale and an offset by weighted least squares (large values count more), and the best fit stays. Always with zero points.
// Everything is float32, and sums are made in numpy's order. Where a block's values all have one sign, the original's zero point is cut
// off at the end of the codes and the block is lost: here it gets the plain grid of a range that reaches to zero.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, roomFor, type BlockAlgorithm } from './block-codes'
import { rangeOf } from './block-range'

const STEPS = 20
const { fround } = Math

export const kQuant: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits } = request
  const blocks = blockCount(request)
  const codes = roomFor(request)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  const top = 2 ** bits - 1
  // With one block to a row numpy has the sums run down the rows, one value after another.
  const fit = new BlockFit(blockSize, top, blocks === 1 && n > 1 ? sumInTurn : sum)
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks) * k
    const from = row + (block % blocks) * blockSize
    const to = Math.min(from + blockSize, row + k)
    const { scale, low } = fit.best(rows.subarray(from, to))
    if (!Number.isFinite(scale)) return undefined
    const zeroPoint = Math.min(Math.max(roundHalfEven(fround(-low / scale)), 0), top)
    scales[block] = scale
    zeroPoints[block] = zeroPoint
    for (let i = from; i < to; i++) {
      codes[i] = Math.min(Math.max(roundHalfEven((rows[i] as number) / scale + zeroPoint), 0), top)
    }
  }
  return { codes, scales, zeroPoints }
}

/** value ≈ code · scale + low. */
interface Fit {
  readonly scale: number
  readonly low: number
}

/** The search for one block at a time, on arrays that are used again. Blocks are filled up with zeros. */
class BlockFit {
  readonly #top: number
  readonly #sum: (values: Float32Array) => number
  readonly #x: Float32Array
  readonly #weights: Float32Array
  readonly #codes: Float32Array
  /** Products to be summed up: of weights and codes, and of those with codes and with values. */
  readonly #products: Products

  constructor(blockSize: number, top: number, sumOf: (values: Float32Array) => number) {
    this.#top = top
    this.#sum = sumOf
    this.#x = new Float32Array(blockSize)
    this.#weights = new Float32Array(blockSize)
    this.#codes = new Float32Array(blockSize)
    const room = (): Float32Array => new Float32Array(blockSize)
    this.#products = { wl: room(), wll: room(), wlx: room() }
  }

  best(values: Float32Array): Fit {
    const x = this.#x.fill(0)
    x.set(values)
    const { high, ...range } = rangeOf(x, 0, x.length, 0)
    let low = range.low
    const step = stepOf(this.#top, low, high)
    let scale = fround(1 / step)
    if (hasOneSign(x)) return { scale, low }
    this.#weigh()
    const sumW = this.#sum(this.#weights)
    const sumX = this.#sumOf(x)
    encode(x, this.#codes, step, low, this.#top)
    let least = this.#error(scale, low)
    for (let i = 0; i < STEPS; i++) {
      // The offset found so far stands for the lowest value: so the original has it.
      encode(x, this.#codes, stepOf(fround(-1 + 0.1 * i + this.#top), low, high), low, this.#top)
      const next = this.#leastSquares(sumW, sumX)
      const error = this.#error(next.scale, next.low)
      if (error < least) ({ scale, low, least } = { ...next, least: error })
    }
    return { scale, low }
  }

  #weigh(): void {
    const [x, weights, squares] = [this.#x, this.#weights, this.#products.wl]
    for (let i = 0; i < x.length; i++) squares[i] = (x[i] as number) * (x[i] as number)
    const mean = fround(Math.sqrt(fround(this.#sum(squares) / x.length)))
    for (let i = 0; i < x.length; i++) weights[i] = mean + Math.abs(x[i] as number)
  }

  /** Σ weight · value. */
  #sumOf(values: Float32Array): number {
    const [weights, products] = [this.#weights, this.#products.wl]
    for (let i = 0; i < values.length; i++) products[i] = (weights[i] as number) * (values[i] as number)
    return this.#sum(products)
  }

  #leastSquares(sumW: number, sumX: number): Fit {
    multiply(this.#x, this.#weights, this.#codes, this.#products)
    const sumL = this.#sum(this.#products.wl)
    const sumL2 = this.#sum(this.#products.wll)
    const sumXL = this.#sum(this.#products.wlx)
    const determinant = fround(fround(sumW * sumL2) - fround(sumL * sumL))
    return {
      scale: fround(fround(fround(sumW * sumXL) - fround(sumX * sumL)) / determinant),
      low: fround(fround(fround(sumL2 * sumX) - fround(sumL * sumXL)) / determinant),
    }
  }

  /** NaN where the codes are all the same: no fit is better than that. */
  #error(scale: number, low: number): number {
    const errors = this.#products.wl
    weighErrors(this.#x, this.#weights, this.#codes, { scale, low }, errors)
    return this.#sum(errors)
  }
}

interface Products {
  readonly wl: Float32Array
  readonly wll: Float32Array
  readonly wlx: Float32Array
}

const stepOf = (codes: number, low: number, high: number): number =>
  low === high ? 1 : fround(codes / fround(high - low))

const hasOneSign = (x: Float32Array): boolean => x.every((value) => value > 0) || x.every((value) => value < 0)

// The hot loops. They stand alone, on numbers and typed arrays only, because engines compile them several times faster that way.

function encode(x: Float32Array, codes: Float32Array, step: number, low: number, top: number): void {
  for (let i = 0; i < x.length; i++) {
    const code = roundHalfEven(fround(step * fround((x[i] as number) - low)))
    codes[i] = code < 0 ? 0 : code > top ? top : code
  }
}

/** Products of weights and codes are rounded before they are multiplied again. */
function multiply(x: Float32Array, weights: Float32Array, codes: Float32Array, { wl, wll, wlx }: Products): void {
  for (let i = 0; i < x.length; i++) {
    const code = codes[i] as number
    const product = fround((weights[i] as number) * code)
    wl[i] = product
    wll[i] = product * code
    wlx[i] = product * (x[i] as number)
  }
}

function weighErrors(
  x: Float32Array,
  weights: Float32Array,
  codes: Float32Array,
  { scale, low }: Fit,
  errors: Float32Array,
): void {
  for (let i = 0; i < x.length; i++) {
    const difference = fround(fround(fround(scale * (codes[i] as number)) + low) - (x[i] as number))
    errors[i] = (weights[i] as number) * fround(difference * difference)
  }
}

/** numpy's sum of a power of two of float32 values, 16 or more: eight sums side by side, and halves of at most 128 on their own. */
function sum(v: Float32Array, from = 0, count = v.length): number {
  if (count > 128) return fround(sum(v, from, count / 2) + sum(v, from + count / 2, count / 2))
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let e = 0
  let f = 0
  let g = 0
  let h = 0
  for (let i = from; i < from + count; i += 8) {
    a = fround(a + (v[i] as number))
    b = fround(b + (v[i + 1] as number))
    c = fround(c + (v[i + 2] as number))
    d = fround(d + (v[i + 3] as number))
    e = fround(e + (v[i + 4] as number))
    f = fround(f + (v[i + 5] as number))
    g = fround(g + (v[i + 6] as number))
    h = fround(h + (v[i + 7] as number))
  }
  return fround(fround(fround(a + b) + fround(c + d)) + fround(fround(e + f) + fround(g + h)))
}

function sumInTurn(v: Float32Array): number {
  let total = 0
  for (let i = 0; i < v.length; i++) total = fround(total + (v[i] as number))
  return total
}
