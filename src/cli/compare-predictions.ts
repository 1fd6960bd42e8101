// What the predicted classes of a variant say against those of the original: agreement, and accuracy where there are labels.

import type { Predictions } from '../../workers/host/protocol'
import { LabError } from '../core/errors/lab-error'
import { comparePaired, correctAnswers, type PairedAccuracy } from '../measure/accuracy-comparison'
import { clusteredAgreement, type ClusteredAgreement } from '../measure/clustered-agreement'
import { formatPercent, formatPoints } from './format-number'

export interface AnswerComparison {
  /** Fraction of samples with the same first class; null for models without class scores. */
  readonly top1Agreement: number | null
  /** For data in groups (crops of one photograph): the agreement with an interval that counts the groups. */
  readonly agreement: ClusteredAgreement | null
  /** Looked at once, after all samples. Null without labels. */
  readonly accuracy: PairedAccuracy | null
}

/** `variant`: its place among the models that predicted; 0 is the original. */
export function comparePredictions({ classes, labels, clusters }: Predictions, variant: number): AnswerComparison {
  const [original, own] = [classes[0], classes[variant]]
  if (!original || !own) throw new LabError('internal', `Model ${variant} predicted nothing.`)
  const agrees = Array.from(original, (predicted, sample) => predicted === own[sample])
  return {
    top1Agreement: agrees.filter(Boolean).length / agrees.length,
    agreement: clusters ? clusteredAgreement(agrees, clusters) : null,
    accuracy: labels ? comparePaired(correctAnswers(original, labels), correctAnswers(own, labels)) : null,
  }
}

/** One sentence about each of the figures that are there. */
export function describeAnswers({ top1Agreement, agreement, accuracy }: AnswerComparison): readonly string[] {
  if (top1Agreement === null) return []
  const ends = agreement?.ci95.map((end) => formatPercent(end, 1)).join('…')
  const interval = agreement ? ` (95 % CI ${ends}, ${agreement.clusters} groups)` : ''
  const same = `the same first class on ${formatPercent(top1Agreement)} of the samples${interval}.`
  if (!accuracy) return [same]
  const { a, b, difference, ci95, n } = accuracy
  const range = ci95.map((end) => formatPoints(end)).join('…')
  const points = `${formatPoints(difference)} points (95 % CI ${range}, n = ${n})`
  return [same, `accuracy ${formatPercent(b)} against ${formatPercent(a)}: ${points}.`]
}
