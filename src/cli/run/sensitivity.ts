// `lathe sensitivity`: the tensors and layers that a recipe hurts.

import { analyseSensitivity, type Sensitivity } from '../../sensitivity/sensitivity'
import { catalog } from '../../techniques/catalog'
import { passes } from '../../techniques/passes'
import type { commands } from '../commands'
import { formatPercent } from '../format-number'
import { startInference } from '../node-inference'
import { openData } from '../open-data'
import { inputNamesOf, openModel } from '../open-model'
import { openRecipe } from '../open-recipe'
import { passHost } from '../pass-host'
import { formatTable } from '../table'
import type { Run } from '../terminal'
import { RIGHT } from './timing-columns'

export const run: Run<(typeof commands)['sensitivity']['options']> = async (
  { positionals: [reference = ''], options },
  { progress, repository },
) => {
  const { model } = await openModel(reference, repository)
  const recipe = await openRecipe(options.recipe)
  const data = await openData(options.data, inputNamesOf(model), repository)
  const { labels } = data
  const host = {
    ...passHost(progress),
    infer: await startInference(),
    calibration: data,
  }
  const found = await analyseSensitivity({
    ...{ model, recipe, host, data },
    techniques: { catalog, passes },
    samples: options.samples,
    ...(labels && { labelOf: (index: number) => labels[index] ?? -1 }),
  })
  const document = toDocument(found, labels !== undefined)
  return { document, text: () => describe(found, options.top) }
}

/** `tensors` holds weights and activations alike; for activations `sqnrDb` is the accumulated ratio. */
function toDocument({ weights, activations, ...rest }: Sensitivity, hasLabels: boolean) {
  const tensors = [
    ...weights.map(({ name, sqnrDb, bits }) => ({ name, kind: 'weight', sqnrDb, bits })),
    ...activations.map(({ name, accumulatedDb, localDb, node, opType }) => {
      return { name, kind: 'activation', sqnrDb: accumulatedDb, localDb, node, opType }
    }),
  ]
  return { ...rest, metric: hasLabels ? 'accuracy' : 'agreement', tensors }
}

function describe({ technique, samples, weights, activations, firstBroken, layers }: Sensitivity, top: number): string {
  const decibels = (value: number | null): string => (value === null ? '–' : value > 200 ? '∞' : value.toFixed(1))
  const worst = <T>(items: readonly T[], badness: (item: T) => number): readonly T[] =>
    items.toSorted((a, b) => badness(b) - badness(a)).slice(0, top)
  const layerRows = worst(layers, ({ kl, sqnrDb }) => kl ?? -sqnrDb).map(({ name, opType, sqnrDb, kl, metricDrop }) => [
    name,
    opType,
    decibels(sqnrDb),
    kl === null ? '–' : kl.toExponential(2),
    metricDrop === null ? '–' : formatPercent(metricDrop),
  ])
  const weightRows = worst(weights, ({ sqnrDb }) => -sqnrDb).map(({ name, sqnrDb, bits }) => [
    name,
    String(bits),
    decibels(sqnrDb),
  ])
  const activationRows = worst(activations, ({ accumulatedDb }) => -accumulatedDb).map(
    ({ name, opType, localDb, accumulatedDb }) => [name, opType, decibels(localDb), decibels(accumulatedDb)],
  )
  const right = (head: string) => ({ head, ...RIGHT })
  return [
    `${technique} on ${samples} samples`,
    firstBroken === null ? 'No tensor breaks.' : `The first tensor that breaks: ${firstBroken}`,
    `\nLayers, each changed alone, worst first (${Math.min(top, layers.length)} of ${layers.length})`,
    formatTable([{ head: 'layer' }, { head: 'operator' }, right('dB'), right('KL'), right('lost')], layerRows),
    `\nWeights (${Math.min(top, weights.length)} of ${weights.length})`,
    formatTable([{ head: 'weight' }, right('bits'), right('dB')], weightRows),
    `\nActivations (${Math.min(top, activations.length)} of ${activations.length})`,
    formatTable(
      [{ head: 'tensor' }, { head: 'operator' }, right('own rounding, dB'), right('all so far, dB')],
      activationRows,
    ),
  ].join('\n')
}
