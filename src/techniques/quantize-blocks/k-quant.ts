// k-quant of llama.cpp in the form of onnxruntime.quantization 1.30, bit for bit: twenty grids are tried for each block; each gives codes,
// the codes a scale and an offset by weighted least squares (large values count more), and the best fit stays. Always with zero points.
// Everything is float32, and sums are made in numpy's order. Where a block's values all have one sign, the original's zero point is cut
// off at the end of the codes and the block is lost: here it gets the plain grid of a range that reaches to zero.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, type BlockAlgorithm } from './block-codes'
import { rangeOf } from './block-range'

const STEPS = 20
const { fround } = Math

export const kQuant: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits } = request
  const blocks = blockCount(request)
  const codes = new Uint8Array(n * k)
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
  readonly #products: Float32Array

  constructor(blockSize: number, top: number, sumOf: (values: Float32Array) => number) {
    this.#top = top
    this.#sum = sumOf
    this.#x = new Float32Array(blockSize)
    this.#weights = new Float32Array(blockSize)
    this.#codes = new Float32Array(blockSize)
    this.#products = new Float32Array(blockSize)
  }

  best(values: Float32Array): Fit {
    this.#x.fill(0)
    this.#x.set(values)
    const { high, ...range } = rangeOf(this.#x, 0, this.#x.length, 0)
    let low = range.low
    this.#weigh()
    const sumW = this.#sum(this.#weights)
    const sumX = this.#sumOf(this.#x)
    const step = this.#step(this.#top, low, high)
    let scale = fround(1 / step)
    if (this.#hasOneSign()) return { scale, low }
    this.#encode(step, low)
    let least = this.#error(scale, low)
    for (let i = 0; i < STEPS; i++) {
      // The offset found so far stands for the lowest value: so the original has it.
      this.#encode(this.#step(fround(-1 + 0.1 * i + this.#top), low, high), low)
      const next = this.#leastSquares(sumW, sumX)
      const error = this.#error(next.scale, next.low)
      if (error < least) ({ scale, low, least } = { ...next, least: error })
    }
    return { scale, low }
  }

  #hasOneSign(): boolean {
    return this.#x.every((value) => value > 0) || this.#x.every((value) => value < 0)
  }

  #weigh(): void {
    const x = this.#x
    for (let i = 0; i < x.length; i++) this.#products[i] = (x[i] as number) * (x[i] as number)
    const mean = fround(Math.sqrt(fround(this.#sum(this.#products) / x.length)))
    for (let i = 0; i < x.length; i++) this.#weights[i] = mean + Math.abs(x[i] as number)
  }

  #step(codes: number, low: number, high: number): number {
    return low === high ? 1 : fround(codes / fround(high - low))
  }

  #encode(step: number, low: number): void {
    const x = this.#x
    for (let i = 0; i < x.length; i++) {
      const code = roundHalfEven(fround(step * fround((x[i] as number) - low)))
      this.#codes[i] = Math.min(Math.max(code, 0), this.#top)
    }
  }

  /** Σ weight · value. */
  #sumOf(values: Float32Array): number {
    for (let i = 0; i < values.length; i++) this.#products[i] = (this.#weights[i] as number) * (values[i] as number)
    return this.#sum(this.#products)
  }

  #leastSquares(sumW: number, sumX: number): Fit {
    const [x, codes, products] = [this.#x, this.#codes, this.#products]
    const sumL = this.#sumOf(codes)
    // Products of weights and codes are rounded before they are multiplied again.
    for (let i = 0; i < x.length; i++) products[i] = fround(at(this.#weights, i) * at(codes, i)) * at(codes, i)
    const sumL2 = this.#sum(products)
    for (let i = 0; i < x.length; i++) products[i] = fround(at(this.#weights, i) * at(codes, i)) * at(x, i)
    const sumXL = this.#sum(products)
    const determinant = fround(fround(sumW * sumL2) - fround(sumL * sumL))
    return {
      scale: fround(fround(fround(sumW * sumXL) - fround(sumX * sumL)) / determinant),
      low: fround(fround(fround(sumL2 * sumX) - fround(sumL * sumXL)) / determinant),
    }
  }

  /** NaN where the codes are all the same: no fit is better than that. */
  #error(scale: number, low: number): number {
    for (let i = 0; i < this.#x.length; i++) {
      const difference = fround(fround(fround(scale * at(this.#codes, i)) + low) - at(this.#x, i))
      this.#products[i] = at(this.#weights, i) * fround(difference * difference)
    }
    return this.#sum(this.#products)
  }
}

const at = (values: Float32Array, i: number): number => values[i] as number

/** numpy's sum of a power of two of float32 values, 16 or more: eight sums side by side, and halves of at most 128 on their own. */
function sum(v: Float32Array, from = 0, count = v.length): number {
  if (count > 128) return fround(sum(v, from, count / 2) + sum(v, from + count / 2, count / 2))
  let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0]
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
