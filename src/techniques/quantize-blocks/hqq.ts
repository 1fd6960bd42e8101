// Half-quadratic quantization (Badri and Shaji, 2023), which needs no data: the zero point of each block moves to where the error is small in
// a norm that forgives outliers (p = 0.7). The original stores a fractional zero point, which GPUs and 8-bit kernels do not take. Here each
// zero point on the way is rounded, and the best one stays, with a scale fitted to its codes: never worse than rounding the last one.
// The plain grid from the smallest to the largest value is a candidate too, as values of one sign ask for a zero point outside the codes.

import { roundHalfEven } from '../../core/numeric/rounding'
import { blockCount, roomFor, type BlockAlgorithm, type BlockBits } from './block-codes'
import { rangeOf } from './block-range'

const ITERATIONS = 20
const NORM = 0.7
const FIRST_BETA = 10
const BETA_GROWTH = 1.01
const MAX_INVERSE_SCALE = 2e4
/** Rounds of fitting the scale to the codes and the codes to the scale; they stop by themselves when nothing gets better. */
const REFITS = 4

export const hqq: BlockAlgorithm = (request) => {
  const { rows, n, k, blockSize, bits } = request
  const blocks = blockCount(request)
  const codes = roomFor(request)
  const scales = new Float32Array(n * blocks)
  const zeroPoints = new Uint8Array(n * blocks)
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks) * k
    const from = row + (block % blocks) * blockSize
    const values = rows.subarray(from, Math.min(from + blockSize, row + k))
    const grid = integerGrid(values, blockSize, bits)
    if (!Number.isFinite(grid.scale)) return undefined
    scales[block] = grid.scale
    zeroPoints[block] = grid.zeroPoint
    for (let i = 0; i < values.length; i++) codes[from + i] = code(values[i] as number, grid, 2 ** bits - 1)
  }
  return { codes, scales, zeroPoints }
}

/** value ≈ (code − zeroPoint) · scale; `scale` is a float32 value. */
interface Grid {
  readonly scale: number
  readonly zeroPoint: number
}

/** A grid in the form of the method: code = round(value · inverseScale + zeroPoint). */
export interface HalfQuadraticGrid {
  readonly inverseScale: number
  /** Of every iteration, the first guess included; the last one is the result of the original. */
  readonly zeroPoints: readonly number[]
}

/** Blocks shorter than `blockSize` are filled up with zeros, as the original does. */
export function halfQuadraticGrid(values: Float32Array, blockSize: number, bits: BlockBits): HalfQuadraticGrid {
  const top = 2 ** bits - 1
  const start = values.length < blockSize ? 0 : (values[0] as number)
  const { low, high } = rangeOf(values, 0, values.length, start)
  const inverseScale = high === low ? 1 : Math.min(top / (high - low), MAX_INVERSE_SCALE)
  const zeroPoints = [roundHalfEven(-low * inverseScale)]
  const moved = { zeroPoint: zeroPoints[0] as number, error: 0 }
  let beta = FIRST_BETA
  let least = Infinity
  for (let i = 0; i < ITERATIONS; i++, beta *= BETA_GROWTH) {
    moveZeroPoint(values, { inverseScale, beta, top, filling: blockSize - values.length }, moved)
    zeroPoints.push(moved.zeroPoint)
    if (moved.error >= least) break
    least = moved.error
  }
  return { inverseScale, zeroPoints }
}

interface Move {
  readonly inverseScale: number
  readonly beta: number
  readonly top: number
  /** Zeros behind the values. */
  readonly filling: number
}

/** One iteration: the zero point that is best for the codes, with the errors shrunk. The error is that before the move. */
function moveZeroPoint(values: Float32Array, move: Move, moved: { zeroPoint: number; error: number }): void {
  const { inverseScale, beta, top, filling } = move
  const { zeroPoint } = moved
  const scale = 1 / inverseScale
  let error = 0
  let sum = 0
  for (let j = 0; j < values.length; j++) {
    const value = values[j] as number
    const q = clip(roundHalfEven(value * inverseScale + zeroPoint), top)
    const difference = value - (q - zeroPoint) * scale
    error += Math.abs(difference)
    sum += q - (value - shrink(difference, beta)) * inverseScale
  }
  const q = clip(roundHalfEven(zeroPoint), top)
  const difference = (zeroPoint - q) * scale
  moved.error = error + filling * Math.abs(difference)
  moved.zeroPoint = (sum + filling * (q + shrink(difference, beta) * inverseScale)) / (values.length + filling)
}

const clip = (code: number, top: number): number => (code < 0 ? 0 : code > top ? top : code)

/** The proximal step of the norm: pulls towards zero, small errors more than large ones. */
function shrink(error: number, beta: number): number {
  const size = Math.abs(error)
  // There the pull exceeds the error for every beta that occurs. It spares a power for nearly every weight of a trained network.
  if (size < 0.1) return 0
  return Math.sign(error) * Math.max(0, size - (size + 1e-8) ** (NORM - 1) / beta)
}

function integerGrid(values: Float32Array, blockSize: number, bits: BlockBits): Grid {
  const top = 2 ** bits - 1
  const { inverseScale, zeroPoints } = halfQuadraticGrid(values, blockSize, bits)
  const rounded = new Set(zeroPoints.map((zeroPoint) => clip(roundHalfEven(zeroPoint), top)))
  const scale = Math.fround(1 / inverseScale)
  let best = fitScale(values, plainGrid(values, top), top)
  for (const zeroPoint of rounded) {
    const fitted = fitScale(values, { scale, zeroPoint }, top)
    if (fitted.error < best.error) best = fitted
  }
  return best.grid
}

function plainGrid(values: Float32Array, top: number): Grid {
  const { low, high } = rangeOf(values, 0, values.length, 0)
  const scale = high === low ? 1 : Math.fround((high - low) / top)
  return { scale, zeroPoint: roundHalfEven(-low / scale) }
}

/** Alternates between the best scale for the codes (least squares) and the codes for the scale. */
function fitScale(values: Float32Array, start: Grid, top: number): { readonly grid: Grid; readonly error: number } {
  let grid = start
  let error = squaredError(values, grid, top)
  for (let i = 0; i < REFITS; i++) {
    const next = { ...grid, scale: bestScale(values, grid, top) }
    const nextError = squaredError(values, next, top)
    if (!(nextError < error)) break
    grid = next
    error = nextError
  }
  return { grid, error }
}

const code = (value: number, { scale, zeroPoint }: Grid, top: number): number =>
  clip(roundHalfEven(value / scale + zeroPoint), top)

function bestScale(values: Float32Array, grid: Grid, top: number): number {
  let product = 0
  let square = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const steps = code(value, grid, top) - grid.zeroPoint
    product += value * steps
    square += steps * steps
  }
  return product > 0 ? Math.fround(product / square) : grid.scale
}

function squaredError(values: Float32Array, grid: Grid, top: number): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const error = (code(value, grid, top) - grid.zeroPoint) * grid.scale - value
    sum += error * error
  }
  return sum
}
