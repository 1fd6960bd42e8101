// `lathe compress`: runs a recipe and writes the result, and a report on demand.

import { writeRangesCache } from '../../core/calibration/ranges-cache'
import { targetClaim, targetText } from '../../core/recipe/target'
import type { StepReport } from '../../core/pass/run-recipe'
import { resolveTarget, writeText } from '../atomic-file'
import type { commands } from '../commands'
import { compressFile, type Compression } from '../compress-file'
import { formatBytes, formatCount, formatMs, formatRatio } from '../format-number'
import { openRecipe, verifyUsesRanges, withRangesOf } from '../open-recipe'
import { formatFacts } from '../table'
import type { Run } from '../terminal'

export const run: Run<(typeof commands)['compress']['options']> = async (
  { positionals: [model = ''], options },
  terminal,
) => {
  const { data, output, report, json, ranges, 'save-ranges': savedRanges } = options
  const target = await resolveTarget(output)
  const reportTarget = report === undefined ? undefined : await resolveTarget(report)
  const rangesTarget = savedRanges === undefined ? undefined : await resolveTarget(savedRanges)
  const named = await openRecipe(options.recipe)
  if (ranges !== undefined) verifyUsesRanges(named, '--ranges')
  if (savedRanges !== undefined) verifyUsesRanges(named, '--save-ranges')
  const recipe = ranges === undefined ? named : await withRangesOf(ranges, named)
  const compression = await compressFile(
    { model, recipe, data, target, isKeyed: json || report !== undefined },
    terminal,
  )
  const document = {
    ...compression,
    input: { file: model, ...compression.input },
    output: { file: output, ...compression.output },
    ...(recipe.target && { target: { id: recipe.target, claim: targetClaim(recipe.target) } }),
  }
  if (reportTarget !== undefined) await writeText(reportTarget, `${JSON.stringify(document, undefined, 2)}\n`)
  // A model without anything to quantize has no ranges.
  if (rangesTarget !== undefined)
    await writeText(rangesTarget, `${writeRangesCache(compression.recipe.calibration?.ranges ?? {})}\n`)
  return { document, text: () => describe(model, output, compression) }
}

function describe(model: string, target: string, compression: Compression): string {
  const { input, output, steps, totalMs, peakBytes, recipe } = compression
  const describeFile = (file: string, { sizeBytes, parameters }: Compression['input']): string =>
    `${file}  ${formatBytes(sizeBytes)}, ${formatCount(parameters)} parameters`
  const facts = formatFacts([
    ['input', describeFile(model, input)],
    ['output', describeFile(target, output)],
    ['size ratio', formatRatio(output.sizeBytes / input.sizeBytes)],
    ['time', formatMs(totalMs)],
    ['peak memory', formatBytes(peakBytes)],
    ...(recipe.target ? [['written for', targetText(recipe.target)] as const] : []),
  ])
  return [facts, ...steps.map(describeStep)].join('\n\n')
}

function describeStep({ technique, notes, durationMs }: StepReport): string {
  const lines = notes.map(
    ({ kind, subject, text }) => `  ${kind}: ${subject === undefined ? '' : `${subject}: `}${text}`,
  )
  return [`${technique}  ${formatMs(durationMs)}`, ...lines].join('\n')
}
