// What the options want fitted to samples before the model is written: ranges of weights first, as biases make up for what is left.

import { spreadIndices, type ObservationContext } from '../../core/calibration/observe'
import { LabError } from '../../core/errors/lab-error'
import type { PassContext } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import { correctBiases, type FittingSamples } from './correct-biases'
import { searchWeightRanges } from './search-weight-ranges'
import { spec, type StaticOptions } from './spec'
import type { StaticTask } from './write-static'

/** Searching runs each layer 20 times on a sample, and sums over all positions of it say more than its mean: a quarter of the samples do. */
const SEARCH_EASE = 4

export const isFitted = ({ weightRange, biasCorrection }: StaticOptions): boolean =>
  weightRange === 'mse' || biasCorrection

/**
 * The task with other ranges of weights and other biases. `context.progress` goes from 0 to 1. Throws `recipe/needs-calibration` without
 * samples: ranges of activations alone do not tell.
 */
export async function fitLayers(
  task: StaticTask,
  context: Pick<PassContext, 'calibration'> & ObservationContext,
): Promise<{ readonly task: StaticTask; readonly notes: readonly Note[] }> {
  const data = context.calibration
  if (!data) {
    const message =
      'Biases and ranges of weights are fitted to samples, and none were given: ranges in the recipe do not suffice.'
    throw new LabError('recipe/needs-calibration', message, { technique: spec.id })
  }
  const { weightRange, biasCorrection, fittingSamples } = task.options
  const samples = (count: number): FittingSamples => ({ data, indices: spreadIndices(data.size, count) })
  const notes: Note[] = []
  let fitted = task
  if (weightRange === 'mse') {
    const found = await searchWeightRanges(
      fitted,
      samples(Math.ceil(fittingSamples / SEARCH_EASE)),
      part(context, 0, biasCorrection ? 0.8 : 1),
    )
    fitted = { ...fitted, options: { ...fitted.options, overrides: found.overrides } }
    notes.push(...found.notes)
  }
  if (biasCorrection) {
    const corrected = await correctBiases(
      fitted,
      samples(fittingSamples),
      part(context, weightRange === 'mse' ? 0.8 : 0, 1),
    )
    fitted = { ...fitted, model: corrected.model }
    notes.push(...corrected.notes)
  }
  return { task: fitted, notes }
}

/** Progress between two shares of the whole. */
export const part = (context: ObservationContext, from: number, to: number): ObservationContext => ({
  infer: context.infer,
  checkpoint: () => context.checkpoint(),
  progress: (fraction, what) => context.progress(from + (to - from) * fraction, what),
})
