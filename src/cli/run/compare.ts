// `lathe compare`: how far the answers of variants are from the original's, and their accuracy where the data have labels.

import type { Fidelity, OutputFidelity } from '../../measure/fidelity'
import type { Predictions } from '../../../workers/host/protocol'
import type { commands } from '../commands'
import { choosePlace, DEFAULT_ENGINE, parseDimensions, parseEngine } from '../engine-name'
import { comparePredictions, describeAnswers, type AnswerComparison } from '../compare-predictions'
import { openLaboratory } from '../open-laboratory'
import { openModels } from '../open-model'
import { formatTable } from '../table'
import type { Run } from '../terminal'

/** Inputs for the outputs' errors; real data are spread evenly over the set. */
const FIDELITY_SAMPLES = { real: 64, synthetic: 16 } as const
const SEED = 0

interface Comparison extends AnswerComparison {
  readonly file: string
  readonly outputs: readonly OutputFidelity[]
}

export const run: Run<(typeof commands)['compare']['options']> = async (
  { positionals, options },
  { progress, repository },
) => {
  const engine = parseEngine(options.engine ?? DEFAULT_ENGINE)
  const freeDimensions = parseDimensions(options.dimension)
  const models = await openModels(positionals, repository)
  const { data } = options
  const request = { engine, models, data, freeDimensions, seed: SEED, repository, progress }
  const laboratory = await openLaboratory(request, choosePlace(engine, undefined))
  try {
    const { environment } = await laboratory.start()
    const fidelities = []
    for (let variant = 1; variant < models.length; variant++) {
      const samples = data === undefined ? FIDELITY_SAMPLES.synthetic : FIDELITY_SAMPLES.real
      fidelities.push(await laboratory.fidelity(variant, samples))
    }
    const hasScores = fidelities.some(({ fidelity }) => fidelity.topOneAgreement !== null)
    const predictions =
      data !== undefined && hasScores ? await laboratory.predict(options.samples || undefined) : undefined
    const variants = fidelities.map(({ fidelity }, index) =>
      summarize(positionals[index + 1] ?? '', fidelity, predictions, index + 1),
    )
    const { outputs, top1Agreement, accuracy } = variants[0] ?? { outputs: [], top1Agreement: null, accuracy: null }
    const inputs = {
      source: data ?? 'synthetic',
      isSynthetic: data === undefined,
      seed: data === undefined ? SEED : null,
      samples: predictions ? predictions.to - predictions.from : (fidelities[0]?.fidelity.samples ?? 0),
    }
    const document = { original: positionals[0] ?? '', outputs, top1Agreement, accuracy, variants, inputs, environment }
    return { document, text: () => describe(document) }
  } finally {
    await laboratory.close()
  }
}

function summarize(
  file: string,
  { outputs, topOneAgreement }: Fidelity,
  predictions: Predictions | undefined,
  variant: number,
): Comparison {
  if (predictions) return { file, outputs, ...comparePredictions(predictions, variant) }
  return { file, outputs, top1Agreement: topOneAgreement, agreement: null, accuracy: null }
}

interface Answer {
  readonly original: string
  readonly variants: readonly Comparison[]
  readonly inputs: { readonly source: string; readonly isSynthetic: boolean; readonly samples: number }
}

function describe({ original, variants, inputs }: Answer): string {
  const errors = formatTable(
    [
      { head: 'variant' },
      { head: 'output' },
      ...['max abs', 'RMSE', 'cosine', 'SQNR dB'].map((head) => ({ head, align: 'right' as const })),
    ],
    variants.flatMap(({ file, outputs }) => outputs.map((output) => [file, output.name, ...describeErrors(output)])),
  )
  const source = inputs.isSynthetic ? 'synthetic inputs (seeded, not real data)' : inputs.source
  return [
    `Answers compared with those of ${original}, ${inputs.samples} samples of ${source}.`,
    errors,
    ...variants.flatMap((variant) => describeAnswers(variant).map((sentence) => `${variant.file}: ${sentence}`)),
  ].join('\n\n')
}

function describeErrors({ maxAbs, rmse, cosine, sqnrDb, isIdentical, isFinite }: OutputFidelity): readonly string[] {
  if (isIdentical) return ['0', '0', '1', 'identical']
  if (!isFinite) return ['not finite']
  return [maxAbs, rmse].map(scientific).concat(cosine?.toFixed(6) ?? '–', sqnrDb?.toFixed(1) ?? '–')
}

const scientific = (value: number | null): string => value?.toPrecision(3) ?? '–'
