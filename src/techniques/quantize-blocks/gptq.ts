// GPTQ (Frantar et al. 2022, arXiv 2210.17323): weights are rounded one input channel after another, and what each rounding does to the
// output is taken back by the channels that are still to come. How much each takes over follows from the Gram matrix of the layer's
// inputs. The outputs stay close, the weights themselves need not.

import { LabError } from '../../core/errors/lab-error'
import { upperCholeskyOfInverse } from '../../core/numeric/linear-algebra'
import { blockCount, roomFor, type BlockAlgorithm, type BlockRequest } from './block-codes'
import { areFinite } from './block-weight'
import { chooseGrid, nearestCode, type GridRules } from './gptq-grid'

export interface GptqOptions {
  /** Share of the mean diagonal that is added to the diagonal, 0 … 1. The paper's is 0.01. */
  readonly damping: number
  /** Round the channels of the largest inputs first. Scales then come from the weights as they were. */
  readonly actOrder: boolean
  readonly gridMse: boolean
}

/** What the layers that share an input share. */
export interface GptqFactor {
  readonly k: number
  /** U of H⁻¹ = Uᵀ U, upper triangular, k × k, rows and columns in the order of rounding. */
  readonly upper: Float64Array
  /** Input channel at each place of the order of rounding; undefined: as they stand. */
  readonly order: Uint32Array | undefined
  /** What was added in the end: more than asked for where the matrix was still singular in float64. */
  readonly damping: number
}

/**
 * `gram`: k × k, symmetric, any positive multiple of Σ x xᵀ; it stays as it is. A channel that was 0 in all samples is rounded on its own
 * (the authors set its weights to 0, which would harm where such a channel does speak later). Throws `data/invalid` where the matrix
 * holds values that are not finite or is no Gram matrix.
 */
export function factorGram(
  gram: Float64Array,
  k: number,
  { damping, actOrder }: Omit<GptqOptions, 'gridMse'>,
): GptqFactor {
  const diagonal = Float64Array.from({ length: k }, (_, i) => gram[i * k + i] as number)
  const live = diagonal.filter((value) => value > 0)
  const mean = live.length > 0 ? live.reduce((sum, value) => sum + value, 0) / live.length : 1
  const order = actOrder ? descending(diagonal) : undefined
  for (let added = damping; added <= 1; added = added === 0 ? LEAST_DAMPING : 10 * added) {
    const upper = upperCholeskyOfInverse(damped(gram, k, order, added * mean), k)
    if (upper) return { k, upper, order, damping: added }
  }
  throw new LabError('data/invalid', 'The inputs of a layer give no Gram matrix: it is not positive definite.', {
    expected: 'finite, symmetric, positive semidefinite',
  })
}

/** The first that is tried where none was not enough. */
const LEAST_DAMPING = 1e-6

function descending(diagonal: Float64Array): Uint32Array {
  const order = Uint32Array.from(diagonal.keys())
  // Equal ones in their old order: sorting is stable.
  return order.sort((a, b) => (diagonal[b] as number) - (diagonal[a] as number))
}

function damped(gram: Float64Array, k: number, order: Uint32Array | undefined, added: number): Float64Array {
  const h = sharedFloats(k * k)
  for (let i = 0; i < k; i++) {
    const from = (order ? (order[i] as number) : i) * k
    if (order) for (let j = 0; j < k; j++) h[i * k + j] = gram[from + (order[j] as number)] as number
    else h.set(gram.subarray(from, from + k), i * k)
    const value = h[i * k + i] as number
    h[i * k + i] = value === 0 ? 1 : value + added
  }
  return h
}

/** In memory that threads may share, where there is such memory. */
const sharedFloats = (count: number): Float64Array =>
  typeof SharedArrayBuffer === 'undefined'
    ? new Float64Array(count)
    : new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT))

/** Channels that take over errors one by one; those behind them take a whole block of errors at once ("lazy batch", section 3.3). */
const LAZY = 128
/** Rows that are worked on together: their weights and errors stay in the cache. */
const ROWS = 32
/** Columns behind a block that are brought up to date together: 128 rows of U by 256 are 256 KB. */
const TILE = 256

/**
 * Rounds rows of a weight whose input has the Gram matrix of `factor`, with the same number of channels. Scales of a block are chosen when
 * its first channel is reached, from the weights as they are then (with `actOrder`: from the weights as they came).
 */
export const gptq =
  (factor: GptqFactor, { gridMse }: Pick<GptqOptions, 'gridMse'>): BlockAlgorithm =>
  (request) => {
    const { rows, n, bits, symmetric } = request
    if (!areFinite(rows)) return undefined
    const blocks = n * blockCount(request)
    const rounding: Rounding = {
      request,
      factor,
      rules: { maxCode: 2 ** bits - 1, symmetric, gridMse },
      codes: roomFor(request),
      scales: new Float32Array(blocks),
      zeroPoints: new Uint8Array(blocks),
    }
    for (let row = 0; row < n; row += ROWS) roundRows(rounding, row, Math.min(row + ROWS, n))
    const { codes, scales, zeroPoints } = rounding
    return { codes, scales, zeroPoints: symmetric ? undefined : zeroPoints }
  }

interface Rounding {
  readonly request: BlockRequest
  readonly factor: GptqFactor
  readonly rules: GridRules
  readonly codes: Uint8Array
  readonly scales: Float32Array
  readonly zeroPoints: Uint8Array
}

/** One row on its way. */
interface Line {
  readonly row: number
  /** k numbers in the order of rounding. */
  readonly weights: Float64Array
  /** Of the places of the lazy batch in hand. */
  readonly errors: Float64Array
}

function roundRows(rounding: Rounding, firstRow: number, endRow: number): void {
  const { rows, k } = rounding.request
  const { order, upper } = rounding.factor
  const lines: Line[] = []
  for (let row = firstRow; row < endRow; row++) {
    const weights = Float64Array.from(rows.subarray(row * k, (row + 1) * k))
    lines.push({ row, weights, errors: new Float64Array(LAZY) })
  }
  if (order) for (const { row, weights } of lines) chooseAllGrids(rounding, row, weights, order)
  for (let start = 0; start < k; start += LAZY) {
    const end = Math.min(start + LAZY, k)
    for (const line of lines) roundChannels(rounding, line, start, end)
    for (let from = end; from < k; from += TILE) {
      const tile = { from, to: Math.min(from + TILE, k), start, end }
      for (const { weights, errors } of lines) takeOver(weights, errors, upper, k, tile)
    }
  }
}

/** Grids of all blocks of a row; then its weights are put into the order of rounding. */
function chooseAllGrids(rounding: Rounding, row: number, weights: Float64Array, order: Uint32Array): void {
  const { k, blockSize } = rounding.request
  for (let channel = 0; channel < k; channel += blockSize) chooseBlockGrid(rounding, row, weights, channel)
  weights.set(Float64Array.from(order, (channel) => weights[channel] as number))
}

function chooseBlockGrid(
  { request, rules, scales, zeroPoints }: Rounding,
  row: number,
  weights: Float64Array,
  channel: number,
) {
  const { k, blockSize } = request
  const block = row * blockCount(request) + channel / blockSize
  const { scale, zeroPoint } = chooseGrid(weights.subarray(channel, Math.min(channel + blockSize, k)), rules)
  scales[block] = scale
  zeroPoints[block] = zeroPoint
}

/** Places `start` to `end` of one row: each weight is rounded and those behind it, up to `end`, take over its error. */
function roundChannels(rounding: Rounding, { row, weights, errors }: Line, start: number, end: number): void {
  const { request, factor, rules, codes, scales, zeroPoints } = rounding
  const { k, blockSize } = request
  const { upper, order } = factor
  const firstBlock = row * blockCount(request)
  for (let i = start; i < end; i++) {
    const channel = order ? (order[i] as number) : i
    if (!order && channel % blockSize === 0) chooseBlockGrid(rounding, row, weights, channel)
    const block = firstBlock + Math.floor(channel / blockSize)
    const scale = scales[block] as number
    const zeroPoint = zeroPoints[block] as number
    const weight = weights[i] as number
    const code = nearestCode(weight, scale, zeroPoint, rules.maxCode)
    codes[row * k + channel] = code
    const u = i * k
    const error = (weight - (code - zeroPoint) * scale) / (upper[u + i] as number)
    errors[i - start] = error
    for (let j = i + 1; j < end; j++) weights[j] = (weights[j] as number) - (upper[u + j] as number) * error
  }
}

interface Tile {
  /** Columns that are brought up to date. */
  readonly from: number
  readonly to: number
  /** Columns whose errors they take over. */
  readonly start: number
  readonly end: number
}

function takeOver(weights: Float64Array, errors: Float64Array, upper: Float64Array, k: number, tile: Tile): void {
  const { from, to, start, end } = tile
  let i = start
  for (; i + 3 < end; i += 4) {
    const e0 = errors[i - start] as number
    const e1 = errors[i - start + 1] as number
    const e2 = errors[i - start + 2] as number
    const e3 = errors[i - start + 3] as number
    const u0 = i * k
    const u1 = u0 + k
    const u2 = u1 + k
    const u3 = u2 + k
    for (let j = from; j < to; j++) {
      const sum01 = e0 * (upper[u0 + j] as number) + e1 * (upper[u1 + j] as number)
      const sum23 = e2 * (upper[u2 + j] as number) + e3 * (upper[u3 + j] as number)
      weights[j] = (weights[j] as number) - (sum01 + sum23)
    }
  }
  for (; i < end; i++) {
    const error = errors[i - start] as number
    for (let j = from; j < to; j++) weights[j] = (weights[j] as number) - (upper[i * k + j] as number) * error
  }
}
