// `lathe compress`: runs a recipe and writes the result. The weights exist once as the file was read and once as the passes made
// them: the result is written part by part, and the engine for calibration starts only when a technique asks for it.

import { setFlagsFromString } from 'node:v8'
import type { Model } from '../../core/model/model'
import { encodeParts, partsSizeBytes } from '../../core/onnx/encode-parts'
import type { CalibrationData, InferencePort } from '../../core/pass/pass-context'
import { runRecipe, type StepReport } from '../../core/pass/run-recipe'
import { summarizeModel } from '../../core/report/model-summary'
import { catalog } from '../../techniques/catalog'
import { passes } from '../../techniques/passes'
import { resolveTarget, writeAtomically } from '../atomic-file'
import type { commands } from '../commands'
import { formatBytes, formatCount, formatMs, formatRatio } from '../format-number'
import { inputNamesOf, openModel } from '../open-model'
import { openRecipe } from '../open-recipe'
import { formatFacts } from '../table'
import type { Run } from '../terminal'

export const run: Run<(typeof commands)['compress']['options']> = async (
  { positionals: [reference = ''], options },
  { progress, repository },
) => {
  const start = performance.now()
  // What passes allocate besides weights is short-lived; a young generation that grows for it would only add to the peak.
  setFlagsFromString('--semi-space-growth-factor=1')
  const target = await resolveTarget(options.output)
  const reportTarget = options.report === undefined ? undefined : await resolveTarget(options.report)
  const recipe = await openRecipe(options.recipe)
  const { model, sizeBytes, sha256 } = await openModel(reference, repository)
  const result = await runRecipe(
    model,
    sha256,
    recipe,
    { catalog, passes },
    {
      checkpoint: () => new Promise((done) => setImmediate(done)),
      progress: (fraction, what) => progress.show(fraction, what),
      now: () => performance.now(),
      infer: lazyInference(),
      ...(options.data !== undefined && { calibration: await openCalibration(options.data, model, repository) }),
    },
  )
  const parts = encodeParts(result.model)
  await writeAtomically(target, parts)
  const outputBytes = partsSizeBytes(parts)
  const document = {
    input: { file: reference, sizeBytes, parameters: summarizeModel(model, sizeBytes).parameters },
    output: {
      file: options.output,
      sizeBytes: outputBytes,
      parameters: summarizeModel(result.model, outputBytes).parameters,
    },
    steps: result.steps,
    totalMs: performance.now() - start,
    peakBytes: process.resourceUsage().maxRSS * BYTES_PER_KIB,
    recipe: result.recipe,
    recipeKey: result.recipeKey,
  }
  if (reportTarget !== undefined) {
    await writeAtomically(reportTarget, [new TextEncoder().encode(`${JSON.stringify(document, undefined, 2)}\n`)])
  }
  return { document, text: () => describe(document) }
}

/** The engine starts when a pass first asks for it. */
function lazyInference(): InferencePort {
  let port: Promise<InferencePort> | undefined
  return {
    open: async (parts) => {
      port ??= import('../node-inference').then(({ startInference }) => startInference())
      return (await port).open(parts)
    },
  }
}

const BYTES_PER_KIB = 1024

/** Loaded on demand, like the engine: recipes without calibration do not pay for them. */
async function openCalibration(reference: string, model: Model, repository: string): Promise<CalibrationData> {
  const { openData } = await import('../open-data')
  const { source, size, sample } = await openData(reference, inputNamesOf(model), repository)
  return { source, size, sample }
}

interface Compression {
  readonly input: { readonly file: string; readonly sizeBytes: number; readonly parameters: number }
  readonly output: { readonly file: string; readonly sizeBytes: number; readonly parameters: number }
  readonly steps: readonly StepReport[]
  readonly totalMs: number
  readonly peakBytes: number
  readonly recipeKey: string
}

function describe({ input, output, steps, totalMs, peakBytes, recipeKey }: Compression): string {
  const file = ({ file, sizeBytes, parameters }: Compression['input']): string =>
    `${file}  ${formatBytes(sizeBytes)}, ${formatCount(parameters)} parameters`
  const facts = formatFacts([
    ['input', file(input)],
    ['output', file(output)],
    ['size ratio', formatRatio(output.sizeBytes / input.sizeBytes)],
    ['time', formatMs(totalMs)],
    ['peak memory', formatBytes(peakBytes)],
    ['recipe key', recipeKey],
  ])
  return [facts, ...steps.map(describeStep)].join('\n\n')
}

function describeStep({ technique, notes, durationMs }: StepReport): string {
  const lines = notes.map(
    ({ kind, subject, text }) => `  ${kind}: ${subject === undefined ? '' : `${subject}: `}${text}`,
  )
  return [`${technique}  ${formatMs(durationMs)}`, ...lines].join('\n')
}
