// Fidelity: how far a variant's outputs are from the original's, on the same engine and inputs. Always reported, hides nothing.

import { measureError } from '../core/numeric/error-metrics'
import type { NamedValues } from '../core/pass/tensor-value'
import { collectOutputs, type CollectedOutput } from './output-values'

export interface Fidelity {
  readonly samples: number
  readonly outputs: readonly OutputFidelity[]
  /** Fraction of samples whose largest score stays at the same place, for the first output with rows of scores; null without one. */
  readonly topOneAgreement: number | null
  /** For each sample, whether it does; empty without such an output. */
  readonly topOneAgrees: readonly boolean[]
}

/** Over all samples together. The numbers are null where an output is missing, has another shape, or is not finite. */
export interface OutputFidelity {
  readonly name: string
  readonly maxAbs: number | null
  readonly rmse: number | null
  readonly cosine: number | null
  /** Null for identical outputs, too: it is infinite there. */
  readonly sqnrDb: number | null
  readonly isIdentical: boolean
  readonly isFinite: boolean
}

/** `original[i]` and `variant[i]` are the outputs for input i. */
export function measureFidelity(original: readonly NamedValues[], variant: readonly NamedValues[]): Fidelity {
  const outputs = collectOutputs(original, variant)
  const scores = outputs.find(isScores)
  const topOneAgrees = scores ? compareTopOne(scores) : []
  return {
    samples: original.length,
    outputs: outputs.map(measureOutput),
    topOneAgreement: scores ? topOneAgrees.filter(Boolean).length / topOneAgrees.length : null,
    topOneAgrees,
  }
}

function measureOutput({ name, problem, truth, actual }: CollectedOutput): OutputFidelity {
  const isFinite = problem === null && actual.every(Number.isFinite) && truth.every(Number.isFinite)
  if (!isFinite) return { name, maxAbs: null, rmse: null, cosine: null, sqnrDb: null, isIdentical: false, isFinite }
  const { sqnrDb, ...errors } = measureError(truth, actual)
  const isIdentical = errors.maxAbs === 0
  return { name, ...errors, sqnrDb: isIdentical ? null : sqnrDb, isIdentical, isFinite }
}

/** One row of at least two float scores a sample. */
const isScores = ({ dtype, problem, dims }: CollectedOutput): boolean =>
  problem === null &&
  dtype.startsWith('float') &&
  dims.every((shape) => shape.length === 2 && shape[0] === 1 && (shape[1] ?? 0) > 1)

function compareTopOne({ truth, actual, dims }: CollectedOutput): readonly boolean[] {
  let at = 0
  return dims.map((shape) => {
    const end = at + (shape[1] ?? 0)
    const isSame = indexOfLargest(truth.subarray(at, end)) === indexOfLargest(actual.subarray(at, end))
    at = end
    return isSame
  })
}

const indexOfLargest = (scores: Float64Array): number =>
  scores.indexOf(scores.reduce((a, b) => Math.max(a, b), -Infinity))
