// Scale and zero point of the activations that products of the main graph read, from ranges of the recipe or of real samples.

import { activationParamsIn, findRanges, rangeIn, type FoundRanges } from '../../core/calibration/find-ranges'
import { clampRange, type Range } from '../../core/calibration/ranges'
import { indexGraph, type GraphIndex } from '../../core/model/graph-index'
import type { Model } from '../../core/model/model'
import { isOp } from '../../core/model/node'
import type { PassContext } from '../../core/pass/pass-context'
import type { FixedParams } from './integer-values'
import type { Constants, DynamicOptions, PlannedNode } from './plan'
import { spec } from './spec'

const NO_DATA = {
  technique: spec.id,
  message:
    'Static ranges are measured on real data and none were given. Give samples, or let the ranges be measured while the model runs.',
} as const

/** Whether ranges are known ahead of time; the toolkit's layout has no form for that. */
export const hasFixedRanges = ({ activationRanges, layout }: DynamicOptions): boolean =>
  activationRanges === 'static' && layout === 'engine'

/** Throws what `findRanges` throws, and `data/invalid` for a range that is not finite. */
export async function fixParams(
  model: Model,
  planned: readonly PlannedNode[],
  constant: Constants,
  options: DynamicOptions,
  context: Pick<PassContext, 'ranges' | 'calibration' | 'infer' | 'checkpoint' | 'progress'>,
): Promise<Omit<FoundRanges, 'ranges'> & { readonly params: FixedParams }> {
  const values = activationsOf(planned, constant)
  const { ranges, ...found } = await findRanges(model, values, options, context, NO_DATA)
  const index = indexGraph(model.graph)
  const params = values.map((value) => {
    const range = boundedRange(rangeIn(ranges, value), value, index)
    return [value, activationParamsIn(value, range, 'uint8')] as const
  })
  return { ...found, params: new Map(params) }
}

/** What a Relu makes is not below zero, whatever the method of calibration says: all integers are for the rest, and the zero point is 0. */
const boundedRange = (range: Range, value: string, index: GraphIndex): Range => {
  const producer = index.producer(value)
  return producer && isOp(producer, 'Relu') ? clampRange(range, [0, Infinity]) : range
}

/** Float values that products read; those that exist as integers have a scale. */
function activationsOf(planned: readonly PlannedNode[], constant: Constants): string[] {
  const integers = new Set<string>()
  const read = new Set<string>()
  for (const one of planned) {
    const { kind, node } = one
    if (kind === 'Transpose' || (kind === 'Gather' && !one.isByRow)) for (const name of node.outputs) integers.add(name)
    if (kind === 'LSTM' || kind === 'Gather' || kind === 'Transpose') continue
    for (const name of node.inputs.slice(0, kind === 'Product' ? 2 : 1)) read.add(name)
  }
  return [...read].filter((name) => !integers.has(name) && !constant(name))
}
