// Measures the range of values on real samples. Each value is reduced to its minimum and maximum inside the model (ReduceMin,
// ReduceMax as extra outputs), and those are folded sample by sample, so no activation ever leaves the engine.

import { LabError } from '../../core/errors/lab-error'
import type { Model } from '../../core/model/model'
import { GraphDraft } from '../../core/model/graph-draft'
import { attributes } from '../../core/model/node'
import { encodeParts } from '../../core/onnx/encode-parts'
import type { CalibrationData, InferenceSession, PassContext, TensorRanges } from '../../core/pass/pass-context'
import type { NamedValues } from '../../core/pass/tensor-value'

export interface MeasuredRanges {
  readonly source: string
  readonly indices: readonly number[]
  readonly ranges: TensorRanges
}

/** Ranges of `values` over at most `samples` samples, spread evenly over the data. Throws `data/invalid` where a value is not finite. */
export async function calibrate(
  model: Model,
  values: readonly string[],
  data: CalibrationData,
  samples: number,
  context: Pick<PassContext, 'infer' | 'checkpoint' | 'progress'>,
): Promise<MeasuredRanges> {
  const indices = spreadIndices(data.size, samples)
  const probe = withRangeOutputs(model, values)
  const session = await context.infer.open(encodeParts(probe.model))
  const ranges = new Map<string, readonly [number, number]>()
  try {
    for (const [step, index] of indices.entries()) {
      await context.checkpoint()
      context.progress(step / indices.length, `sample ${step + 1} of ${indices.length}`)
      await widen(ranges, session, await data.sample(index), probe.outputs)
    }
  } finally {
    await session.close()
  }
  return { source: data.source, indices, ranges: Object.fromEntries(ranges) }
}

/** `count` indices below `size` at even distances (all of them when there are fewer). */
export function spreadIndices(size: number, count: number): number[] {
  if (size === 0)
    throw new LabError('recipe/needs-calibration', 'The calibration data hold no samples, one was expected.')
  const used = Math.min(size, count)
  return Array.from({ length: used }, (_, i) => Math.floor((i * size) / used))
}

interface RangeOutputs {
  readonly value: string
  readonly min: string
  readonly max: string
  /** NaN or infinite when any element is; finite data may overflow it, so only NaN and range together tell. */
  readonly sum: string
}

function withRangeOutputs(model: Model, values: readonly string[]): { model: Model; outputs: readonly RangeOutputs[] } {
  const draft = new GraphDraft(model.graph)
  const reduce = (opType: string, value: string): string => {
    const output = draft.freshName(`${value}_${opType}`)
    draft.addNode({ opType, inputs: [value], outputs: [output], attributes: attributes({ keepdims: 0 }) })
    return output
  }
  const outputs = values.map((value) => ({
    value,
    min: reduce('ReduceMin', value),
    max: reduce('ReduceMax', value),
    sum: reduce('ReduceSum', value),
  }))
  const infos = outputs
    .flatMap(({ min, max, sum }) => [min, max, sum])
    .map((name) => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: [] } as const }))
  const graph = draft.finish()
  return { model: { ...model, graph: { ...graph, outputs: [...graph.outputs, ...infos] } }, outputs }
}

async function widen(
  ranges: Map<string, readonly [number, number]>,
  session: InferenceSession,
  feeds: NamedValues,
  outputs: readonly RangeOutputs[],
): Promise<void> {
  const results = await session.run(
    feeds,
    outputs.flatMap(({ min, max, sum }) => [min, max, sum]),
  )
  for (const { value, ...names } of outputs) {
    const min = scalar(results, names.min)
    const max = scalar(results, names.max)
    if (![min, max].every(Number.isFinite) || Number.isNaN(scalar(results, names.sum))) throw notFinite(value)
    const [low, high] = ranges.get(value) ?? [min, max]
    ranges.set(value, [Math.min(low, min), Math.max(high, max)])
  }
}

function scalar(results: NamedValues, name: string): number {
  const value = results[name]?.data[0]
  if (typeof value === 'number') return value
  throw new LabError('engine/failed', `The engine returned no number for "${name}".`, { output: name })
}

export const notFinite = (tensor: string): LabError =>
  new LabError('data/invalid', `"${tensor}" takes values that are not finite, so it has no range to quantize to.`, {
    tensor,
  })
