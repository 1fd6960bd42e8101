// `lathe compare`: how far the answers of variants are from the original's, and their accuracy where the data have labels.

import { comparePaired, correctAnswers, type PairedAccuracy } from '../../measure/accuracy-comparison'
import { clusteredAgreement, type ClusteredAgreement } from '../../measure/clustered-agreement'
import type { Fidelity, OutputFidelity } from '../../measure/fidelity'
import type { Predictions } from '../../../workers/host/protocol'
import type { commands } from '../commands'
import { choosePlace, DEFAULT_ENGINE, parseDimensions, parseEngine } from '../engine-name'
import { formatPercent, formatPoints } from '../format-number'
import { openLaboratory } from '../laboratory'
import { openModels } from '../open-model'
import { formatTable } from '../table'
import type { Run } from '../terminal'

/** Inputs for the outputs' errors; real data are spread evenly over the set. */
const FIDELITY_SAMPLES = { real: 64, synthetic: 16 } as const
const SEED = 0

export interface Comparison {
  readonly file: string
  readonly outputs: readonly OutputFidelity[]
  /** Fraction of samples with the same first class; null for models without class scores. */
  readonly top1Agreement: number | null
  /** For data in groups (crops of one photograph): the agreement with an interval that counts the groups. */
  readonly agreement: ClusteredAgreement | null
  /** Null without labels. */
  readonly accuracy: PairedAccuracy | null
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
  const [original, own] = [predictions?.classes[0], predictions?.classes[variant]]
  if (!predictions || !original || !own) {
    return { file, outputs, top1Agreement: topOneAgreement, agreement: null, accuracy: null }
  }
  const agrees = Array.from(original, (predicted, sample) => predicted === own[sample])
  const { labels, clusters } = predictions
  return {
    file,
    outputs,
    top1Agreement: agrees.filter(Boolean).length / agrees.length,
    agreement: clusters ? clusteredAgreement(agrees, clusters) : null,
    accuracy: labels ? comparePaired(correctAnswers(original, labels), correctAnswers(own, labels)) : null,
  }
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
    ...variants.flatMap(describeAnswers),
  ].join('\n\n')
}

function describeErrors({ maxAbs, rmse, cosine, sqnrDb, isIdentical, isFinite }: OutputFidelity): readonly string[] {
  if (isIdentical) return ['0', '0', '1', 'identical']
  if (!isFinite) return ['not finite']
  return [maxAbs, rmse].map(scientific).concat(cosine?.toFixed(6) ?? '–', sqnrDb?.toFixed(1) ?? '–')
}

const scientific = (value: number | null): string => value?.toPrecision(3) ?? '–'

function describeAnswers({ file, top1Agreement, agreement, accuracy }: Comparison): readonly string[] {
  if (top1Agreement === null) return []
  const interval = agreement
    ? ` (${agreement.ci95.map((end) => formatPercent(end, 1)).join('…')}, ${agreement.clusters} groups)`
    : ''
  const same = `${file}: the same first class on ${formatPercent(top1Agreement)} of the samples${interval}.`
  if (!accuracy) return [same]
  const { a, b, difference, ci95, n } = accuracy
  const range = ci95.map((end) => formatPoints(end)).join('…')
  return [
    `${same} Accuracy ${formatPercent(b)} against ${formatPercent(a)}: ${formatPoints(difference)} points (95 % CI ${range}, n = ${n}).`,
  ]
}
