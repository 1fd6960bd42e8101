// The race that decides a hypothesis: its two recipes against each other, the first as the base. It holds where the second is slower.

import type { DatasetRef, FreeDimensions, ModelFile } from '../../../workers/host/protocol'
import { candidateRecipe } from '../../advisor/advise'
import type { Hypothesis } from '../../advisor/hypotheses'
import { LabError } from '../../core/errors/lab-error'
import { CHECK_INPUTS, RACE_INPUTS } from '../../measure/input-counts'
import type { PairComparison } from '../../measure/latency-comparison'
import type { JobOptions } from '../jobs/run-job'
import { inputsFrom, SEED } from './race-inputs'
import { MARGIN, type BenchClients } from './run-bench'

export interface HypothesisRequest {
  readonly hypothesis: Hypothesis
  readonly model: ModelFile
  readonly calibration?: DatasetRef | undefined
  readonly evaluation?: DatasetRef | undefined
  readonly freeDimensions: FreeDimensions
  /** Of the race, after the warm-up. */
  readonly seconds: number
}

export type HypothesisOutcome =
  /** Time of the second recipe ÷ that of the first. */
  | ({ readonly kind: 'raced' } & Pick<PairComparison, 'ratio' | 'ci95' | 'verdict' | 'blocks'>)
  /** This engine gets the recipe wrong, so its speed means nothing. */
  | { readonly kind: 'wrong'; readonly label: string }
  /** No speed can be shown of a GPU that is emulated. */
  | { readonly kind: 'software' }

/** Throws what building and timing throw, `job/cancelled` among them. The files are released afterwards. */
export async function testHypothesis(
  request: HypothesisRequest,
  { compress, engine }: Pick<BenchClients, 'compress' | 'engine'>,
  { signal, progress }: JobOptions,
): Promise<HypothesisOutcome> {
  const { hypothesis, model, calibration, evaluation, freeDimensions, seconds } = request
  const part = (from: number, to: number): JobOptions => ({
    signal,
    progress: (fraction, what) => progress?.(from + (to - from) * fraction, what),
  })
  const { facts } = await engine.start(part(0, 0.05))
  if (facts.adapter?.isSoftware) return { kind: 'software' }
  const built: { label: string; model: ModelFile }[] = []
  try {
    for (const [index, recipe] of hypothesis.test.entries()) {
      const job = { modelId: model.id, recipe: candidateRecipe(recipe), calibration }
      const start = 0.05 + 0.2 * index
      const variant = (await compress.compress(job, part(start, start + 0.15))).model
      built.push({ label: recipe.label, model: variant })
      const inputs = inputsFrom(evaluation, CHECK_INPUTS)
      const check = await engine.engineCheck(
        { model: variant, inputs, freeDimensions },
        part(start + 0.15, start + 0.2),
      )
      if (!check.ok) return { kind: 'wrong', label: recipe.label }
    }
    const inputs = inputsFrom(evaluation, RACE_INPUTS)
    const race = { variants: built, inputs, freeDimensions, seconds, margin: MARGIN, seed: SEED }
    const [pair] = (await engine.compareLatency(race, part(0.45, 1))).comparison.pairs
    if (!pair) throw new LabError('internal', 'A race of two has one pair.')
    const { ratio, ci95, verdict, blocks } = pair
    return { kind: 'raced', ratio, ci95, verdict, blocks }
  } finally {
    for (const { model: file } of built) await compress.release(file.id)
  }
}

/** What came of it, as a sentence. */
export function outcomeSentence({ test }: Hypothesis, outcome: HypothesisOutcome): string {
  const [first, second] = test.map(({ label }) => label)
  if (outcome.kind === 'software') return 'Not tested: this GPU is emulated, so its speed says nothing.'
  if (outcome.kind === 'wrong') return `Not tested: this engine gets “${outcome.label}” wrong.`
  const { ratio, ci95, verdict, blocks } = outcome
  const interval = ci95 ? `; 95 % interval ${ci95.map((end) => end.toFixed(2)).join(' to ')}` : ''
  const figures = `“${second}” took ${ratio.toFixed(2)} of the time of “${first}” (${blocks} blocks${interval}).`
  const answers = {
    slower: 'Confirmed',
    faster: 'Not confirmed',
    same: 'Not confirmed',
    undecided: 'Undecided',
  } as const
  return `${answers[verdict]}: ${figures}`
}
