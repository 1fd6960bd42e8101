// Empirical bias correction: rounding a weight moves the mean of each output channel, and the bias takes that back. The mean is that of
// W − Ŵ applied to the inputs that the layer reads in the quantized model (all layers in one run over the samples), borders included.

import { channelNumbers } from '../../core/calibration/channel-observers'
import { observeValues, type ObservationContext, type Observer } from '../../core/calibration/observe'
import { floatsOf } from '../../core/model/float-values'
import { GraphDraft } from '../../core/model/graph-draft'
import { isOp, nodeLabel } from '../../core/model/node'
import type { Model } from '../../core/model/model'
import { placeNumbers, withBias } from '../../core/model/place-numbers'
import type { CalibrationData } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import { addFloatWeight, addLayerError, fittedLayers, type FittedLayer } from './fitted-layers'
import { writeStatic, type StaticTask } from './write-static'

/**
 * A mean is taken for real where it is so many standard errors from 0: the samples, not the size of the bias, decide, so that a bias of zero
 * is corrected like any other.
 */
const STANDARD_ERRORS = 2

export interface FittingSamples {
  readonly data: CalibrationData
  readonly indices: readonly number[]
}

/** The model with corrected float biases; a Conv or Gemm without a bias gets one. Throws what `observeValues` throws. */
export async function correctBiases(
  task: StaticTask,
  { data, indices }: FittingSamples,
  context: ObservationContext,
): Promise<{ readonly model: Model; readonly notes: readonly Note[] }> {
  const quantized = await writeStatic(task, () => context.checkpoint())
  const layers = fittedLayers(task.model, quantized)
  const notes: Note[] = []
  const correctable = layers.filter(({ layer }) => !isOp(layer.node, 'MatMul'))
  for (const { layer } of layers.filter(({ layer: { node } }) => isOp(node, 'MatMul'))) {
    const subject = nodeLabel(layer.node)
    notes.push({ kind: 'skipped', subject, text: `The mean of "${subject}" is not corrected: a MatMul has no bias.` })
  }
  const observers = correctable.map(meanErrorObserver)
  await observeValues(quantized.model, observers, data, indices, context)
  const draft = new GraphDraft(task.model.graph)
  for (const [position, { layer }] of correctable.entries()) {
    const shift = observers[position]?.shift() ?? new Float64Array(layer.channels)
    notes.push(shiftNote(layer.node.opType, nodeLabel(layer.node), shift))
    if (shift.some((value) => value !== 0)) replaceBias(draft, layer, shift)
  }
  return { model: { ...task.model, graph: draft.finish() }, notes }
}

interface MeanErrorObserver extends Observer {
  /** What to add to the bias; 0 where the samples do not show a shift. */
  shift(): Float64Array
}

function meanErrorObserver(fitted: FittedLayer): MeanErrorObserver {
  const { written, layer } = fitted
  const value = written.inputs[0] ?? ''
  const perSample: Float32Array[] = []
  return {
    value,
    attach: (draft, opset) => {
      const error = draft.freshName(`${value}_weight_error`)
      const inputs = [addFloatWeight(draft, fitted), written.inputs[1] ?? '']
      draft.addNode({ opType: 'Sub', inputs, outputs: [error] })
      return [addLayerError(draft, opset, fitted, error, 'ReduceMean')]
    },
    fold: ([mean]) =>
      void perSample.push(channelNumbers(mean, { value, channels: layer.channels, spatialAxes: 0 }).slice()),
    shift: () =>
      Float64Array.from({ length: layer.channels }, (_, i) =>
        establishedMean(perSample.map((means) => means[i] as number)),
      ),
  }
}

/** The mean of the samples, or 0 where chance explains it. One sample establishes nothing. */
export function establishedMean(values: readonly number[]): number {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const standardError = Math.sqrt(squares / (n - 1) / n)
  return Math.abs(mean) > STANDARD_ERRORS * standardError ? mean : 0
}

function replaceBias(
  draft: GraphDraft,
  { node, weight, bias, biasFactor, channels }: FittedLayer['layer'],
  shift: Float64Array,
): void {
  const before = bias && floatsOf(bias)
  const after = Float32Array.from(shift, (value, i) => {
    return value + (before ? (before[before.length === 1 ? 0 : i] as number) * biasFactor : 0)
  })
  const freshName = (base: string): string => draft.freshName(base)
  const old = bias ?? { ...weight, name: `${weight.name}_bias` }
  const name = placeNumbers({ draft, freshName }, node, old, after, [channels])
  draft.replaceNode(node, withBias(node, [node.inputs[0] ?? '', node.inputs[1] ?? '', name]))
}

function shiftNote(opType: string, subject: string, shift: Float64Array): Note {
  const moved = shift.filter((value) => value !== 0)
  if (moved.length === 0) {
    return { kind: 'skipped', subject, text: `The bias of ${opType} "${subject}" stays: the samples show no shift.` }
  }
  const largest = moved.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const text = `The bias of ${opType} "${subject}" makes up for rounded weights in ${moved.length} of ${shift.length} channels, by at most ${largest.toPrecision(3)}.`
  return { kind: 'changed', subject, text }
}
