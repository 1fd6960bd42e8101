// Ranges of weights by the error that they leave in the output of their layer (the idea of sequential MSE): of 20 fractions of the full
// range, each channel takes the one whose output is closest, on inputs as the quantized model computes them.
// All layers are judged in one run over the samples, so a layer sees the others with their full ranges.

import { channelNumbers } from '../../core/calibration/channel-observers'
import { observeValues, type ObservationContext, type Observer } from '../../core/calibration/observe'
import type { GraphDraft } from '../../core/model/graph-draft'
import { makeTensor, tensorBytes } from '../../core/model/tensor'
import { weightSlot } from '../../core/model/weight-slots'
import { channelRanges, type ChannelRanges } from '../../core/numeric/channel-ranges'
import { QUANT_LIMITS } from '../../core/numeric/quant-params'
import { channelLayout } from '../../core/numeric/scale-layout'
import type { TensorOverride, TensorOverrides } from '../../core/options/tensor-overrides'
import type { Note } from '../../core/pass/technique'
import { constantParams, scaledTensor, type ConstantParams } from './constant-params'
import type { FittingSamples } from './correct-biases'
import { addFloatWeight, addLayerError, fittedLayers, type FittedLayer } from './fitted-layers'
import type { PlannedConstant } from './plan'
import type { StaticOptions } from './spec'
import { constantFormat, overridesOf } from './tensor-format'
import { writeStatic, type StaticTask, type WrittenStatic } from './write-static'

const CANDIDATES = 20

/** The found ranges as overrides, beside those of the options. Throws what `observeValues` throws. */
export async function searchWeightRanges(
  task: StaticTask,
  { data, indices }: FittingSamples,
  context: ObservationContext,
): Promise<{ readonly overrides: TensorOverrides; readonly notes: readonly Note[] }> {
  const { options } = task
  const quantized = await writeStatic(task, () => context.checkpoint())
  const searched = fittedLayers(task.model, quantized).filter((fitted) => canSearch(fitted, quantized, options))
  const observers = searched.map((fitted) => candidateObserver(fitted, options))
  await observeValues(quantized.model, observers, data, indices, context)
  const found: Record<string, readonly TensorOverride[]> = { ...options.overrides }
  const notes: Note[] = []
  for (const constant of new Set(searched.map((fitted) => fitted.constant))) {
    const errors = observers
      .filter((_, position) => searched[position]?.constant === constant)
      .map(({ errors }) => errors)
    const steps = bestSteps(errors, scaleCount(constant, options))
    found[constant.tensor.name] = rangeOverrides(constant, options, steps)
    notes.push(rangeNote(constant.tensor.name, steps))
  }
  return { overrides: found, notes }
}

/** Not what has overrides or blocks, is stored in more than one form, or has scales along another axis than its outputs. */
function canSearch({ constant, layer }: FittedLayer, { plan }: WrittenStatic, options: StaticOptions): boolean {
  const { tensor } = constant
  const { axis, blockSize } = constantFormat(constant, options)
  const forms = plan.constants.filter((other) => other.tensor.name === tensor.name)
  const outputs = weightSlot(layer.node, 1, tensor.dims.length)?.axis
  const isPlain = overridesOf(tensor.name, options).length === 0 && blockSize === undefined && forms.length === 1
  return isPlain && (axis === undefined || axis === outputs) && constantParams(constant, options) !== undefined
}

const scaleCount = (constant: PlannedConstant, options: StaticOptions): number => {
  const { axis } = constantFormat(constant, options)
  return axis === undefined ? 1 : (constant.tensor.dims[axis] ?? 1)
}

interface CandidateObserver extends Observer {
  /** Sum of squared errors of each output channel, by candidate: the smallest fraction first. */
  readonly errors: readonly Float64Array[]
}

function candidateObserver(fitted: FittedLayer, options: StaticOptions): CandidateObserver {
  const { written, layer, constant } = fitted
  const of = { value: written.inputs[0] ?? '', channels: layer.channels, spatialAxes: 0 }
  const errors = Array.from({ length: CANDIDATES }, () => new Float64Array(layer.channels))
  return {
    value: of.value,
    errors,
    attach: (draft, opset) => {
      const weight = addFloatWeight(draft, fitted)
      return errors.map((_, candidate) => {
        const error = addRoundingError(draft, weight, constant, candidateParams(constant, options, candidate + 1))
        return addLayerError(draft, opset, fitted, error, 'ReduceSumSquare')
      })
    },
    fold: (results) => {
      for (const [candidate, sums] of errors.entries()) {
        const squares = channelNumbers(results[candidate], of)
        for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (squares[i] as number)
      }
    },
  }
}

/** With the same fraction for each channel. */
function candidateParams(constant: PlannedConstant, options: StaticOptions, step: number): ConstantParams {
  const steps = Array.from({ length: scaleCount(constant, options) }, () => step)
  const overrides = { ...options.overrides, [constant.tensor.name]: rangeOverrides(constant, options, steps) }
  const params = constantParams(constant, { ...options, overrides })
  if (!params) throw new TypeError(`"${constant.tensor.name}" is not finite.`)
  return params
}

function rangeOverrides(
  constant: PlannedConstant,
  options: StaticOptions,
  steps: readonly number[],
): readonly TensorOverride[] {
  const { axis } = constantFormat(constant, options)
  const { min, max } = fullRanges(constant, axis)
  return steps.map((step, i) => ({
    ...(axis !== undefined && { axis }),
    min: ((min[i] as number) * step) / CANDIDATES,
    max: ((max[i] as number) * step) / CANDIDATES,
  }))
}

function fullRanges(constant: PlannedConstant, axis: number | undefined): ChannelRanges {
  const tensor = scaledTensor(constant)
  return channelRanges(tensorBytes(tensor), channelLayout(tensor.dims, axis))
}

/** Adds Ŵ − W for the given scales, by the formula of QuantizeLinear and DequantizeLinear in float. Returns its name. */
function addRoundingError(
  draft: GraphDraft,
  weight: string,
  { tensor }: PlannedConstant,
  params: ConstantParams,
): string {
  const { axis, dtype } = params.format
  const dims = axis === undefined ? [] : tensor.dims.map((dim, position) => (position === axis ? dim : 1))
  const [lowest, highest] = QUANT_LIMITS[dtype]
  const place = (what: string, values: Float32Array): string => {
    const name = draft.freshName(`${weight}_${what}`)
    draft.setInitializer(makeTensor(name, 'float32', dims, values))
    return name
  }
  const bound = (limit: number): Float32Array => Float32Array.from(params.zeroPoints, (zero) => limit - zero)
  const scale = place('scale', params.scales)
  const apply = (opType: string, ...inputs: readonly string[]): string => {
    const output = draft.freshName(`${weight}_${opType}`)
    draft.addNode({ opType, inputs, outputs: [output] })
    return output
  }
  const rounded = apply('Round', apply('Div', weight, scale))
  const clipped = apply('Min', apply('Max', rounded, place('lowest', bound(lowest))), place('highest', bound(highest)))
  return apply('Sub', apply('Mul', clipped, scale), weight)
}

/**
 * For each scale the candidate (1 to 20) with the least error, the largest of equals. `errors`: of each reader of the weight, by candidate,
 * one number per output channel; channels of a group share scales.
 */
export function bestSteps(errors: readonly (readonly Float64Array[])[], scales: number): readonly number[] {
  const errorOf = (candidate: number, scale: number): number =>
    errors.reduce((sum, byCandidate) => {
      const channels = byCandidate[candidate] ?? new Float64Array()
      return sum + channels.reduce((part, error, channel) => (channel % scales === scale ? part + error : part), 0)
    }, 0)
  return Array.from({ length: scales }, (_, scale) => {
    let [best, least] = [CANDIDATES, errorOf(CANDIDATES - 1, scale)]
    for (let step = CANDIDATES - 1; step > 0; step--) {
      const error = errorOf(step - 1, scale)
      if (error < least) [best, least] = [step, error]
    }
    return best
  })
}

function rangeNote(subject: string, steps: readonly number[]): Note {
  const narrowed = steps.filter((step) => step < CANDIDATES)
  if (narrowed.length === 0)
    return { kind: 'skipped', subject, text: `"${subject}" keeps its full range: it leaves the least error.` }
  const smallest = Math.min(...narrowed) / CANDIDATES
  const text = `"${subject}" is clipped to the range of least output error: ${narrowed.length} of ${steps.length} scales are smaller, down to ${smallest}.`
  return { kind: 'changed', subject, text }
}
