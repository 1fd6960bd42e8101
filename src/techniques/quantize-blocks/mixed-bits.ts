// Shares out bits under a budget of bytes: every weight starts with 8 bits and those that suffer least from fewer get them first, until the
// whole fits. Without data a weight is judged by its 8-bit rounding error, as NNCF does (`weight_quantization_error`); with samples by the
// noise that its rounding adds to the output, relative to the output.

import type { Model } from '../../core/model/model'
import type { PassContext } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import { blockCount, type BlockBits, type BlockGrid, type BlockRequest } from './block-codes'
import { readRows, type BlockWeight } from './block-weight'
import { channelEnergies, type Samples, type WatchedValue } from './gram-observer'
import { roundToNearest } from './round-to-nearest'

/** A matrix whose bits may be chosen, and the value that it is multiplied with where calibration can see that. */
export interface BudgetedWeight {
  readonly weight: BlockWeight
  readonly input: WatchedValue | undefined
}

export interface SharedBits {
  readonly bits: ReadonlyMap<BlockWeight, BlockBits>
  readonly notes: readonly Note[]
}

const HIGH: BlockBits = 8

export interface Budget {
  readonly bytes: number
  /** What those get that must shrink. */
  readonly low: BlockGrid
  /** Undefined where there are no data. */
  readonly samples: Samples | undefined
}

/** In graph order. The last weight keeps 8 bits: the answers come straight out of it. */
export async function shareBits(
  model: Model,
  budgeted: readonly BudgetedWeight[],
  { bytes: budgetBytes, low, samples }: Budget,
  context: PassContext,
): Promise<SharedBits> {
  const inputs = budgeted.flatMap(({ input }) => input ?? [])
  // Scores of the two kinds cannot be compared, so one weight out of sight makes all of them data-free.
  const energies =
    samples && inputs.length === budgeted.length
      ? await channelEnergies(model, distinct(inputs), samples, { ...context, progress: () => undefined })
      : undefined
  const scored: ScoredWeight[] = []
  for (const { weight, input } of budgeted.slice(0, -1)) {
    await context.checkpoint()
    const energy = energies?.get(input?.value ?? '')
    scored.push({
      weight,
      score: energy ? noiseShare(weight, low, energy) : 1 / (worstRowError(weight) + Number.EPSILON),
    })
  }
  const weights = budgeted.map(({ weight }) => weight)
  const { bits, bytes } = spend(weights, scored, low, budgetBytes)
  return { bits, notes: [budgetNote(bits, low.bits, bytes, budgetBytes)] }
}

const distinct = (values: readonly WatchedValue[]): readonly WatchedValue[] => [
  ...new Map(values.map((watched) => [watched.value, watched])).values(),
]

interface ScoredWeight {
  readonly weight: BlockWeight
  /** Low: loses little by few bits. */
  readonly score: number
}

function spend(
  weights: readonly BlockWeight[],
  scored: readonly ScoredWeight[],
  low: BlockGrid,
  budgetBytes: number,
): { readonly bits: ReadonlyMap<BlockWeight, BlockBits>; readonly bytes: number } {
  const bits = new Map(weights.map((weight) => [weight, HIGH]))
  let bytes = weights.reduce((sum, weight) => sum + storedBytes(weight, { ...low, bits: HIGH }), 0)
  for (const { weight } of scored.toSorted((a, b) => a.score - b.score)) {
    if (bytes <= budgetBytes) break
    bits.set(weight, low.bits)
    bytes += storedBytes(weight, low) - storedBytes(weight, { ...low, bits: HIGH })
  }
  return { bits, bytes }
}

/** Codes, float32 scales and packed zero points, as MatMulNBits stores them. */
function storedBytes({ n, k }: BlockWeight, { bits, blockSize, symmetric }: BlockGrid): number {
  const blocks = blockCount({ k, blockSize })
  const zeroPoints = symmetric ? 0 : Math.ceil((blocks * bits) / 8)
  return n * ((blocks * blockSize * bits) / 8 + 4 * blocks + zeroPoints)
}

/** Largest mean square of what 8 bits with one scale a row change in a row. */
function worstRowError(weight: BlockWeight): number {
  const grid: BlockGrid = { bits: HIGH, blockSize: weight.k, symmetric: false }
  return Math.max(...rowErrors(weight, grid, undefined).map(({ noise }) => noise / weight.k))
}

/** Noise of the output over its signal, for inputs whose channels have these energies and no correlation. */
function noiseShare(weight: BlockWeight, grid: BlockGrid, energy: Float64Array): number {
  const rows = rowErrors(weight, grid, energy)
  const signal = rows.reduce((sum, row) => sum + row.signal, 0)
  return signal === 0 ? 0 : rows.reduce((sum, row) => sum + row.noise, 0) / signal
}

interface RowError {
  readonly signal: number
  readonly noise: number
}

/** Squares of a row's weights and of what rounding changes in them, each channel weighted with `energy` (1 where there is none). */
function rowErrors(weight: BlockWeight, grid: BlockGrid, energy: Float64Array | undefined): readonly RowError[] {
  const rows = new Float32Array(weight.k)
  return Array.from({ length: weight.n }, (_, row) => {
    readRows(weight, row, rows)
    return rowError({ rows, n: 1, k: weight.k, ...grid }, energy)
  })
}

/** Of one row; what cannot be rounded counts as nothing, as it stays in float anyway. */
function rowError(request: BlockRequest, energy: Float64Array | undefined): RowError {
  const result = roundToNearest(request)
  if (!result) return { signal: 0, noise: 0 }
  const { codes, scales, zeroPoints } = result
  const { rows, k, blockSize, bits } = request
  let signal = 0
  let noise = 0
  for (let i = 0; i < k; i++) {
    const block = Math.floor(i / blockSize)
    const zeroPoint = zeroPoints ? (zeroPoints[block] as number) : 2 ** (bits - 1)
    const value = rows[i] as number
    const change = ((codes[i] as number) - zeroPoint) * (scales[block] as number) - value
    const share = energy ? (energy[i] as number) : 1
    signal += share * value * value
    noise += share * change * change
  }
  return { signal, noise }
}

function budgetNote(
  bits: ReadonlyMap<BlockWeight, BlockBits>,
  low: BlockBits,
  bytes: number,
  budgetBytes: number,
): Note {
  const lowered = [...bits.values()].filter((value) => value === low).length
  const text = `${lowered} of ${bits.size} weights have ${low} bits and the others ${HIGH}: ${megabytes(bytes)} of a budget of ${megabytes(budgetBytes)}.`
  if (bytes <= budgetBytes) return { kind: 'changed', text }
  return { kind: 'warning', text: `The budget cannot be kept. ${text} The last weight keeps ${HIGH}.` }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`
