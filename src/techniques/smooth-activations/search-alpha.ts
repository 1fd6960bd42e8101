// The share α of each group of layers by the error that rounding leaves in their outputs: activations to uint8 with one scale, weights to int8
// with one per output channel, both after smoothing. Computed in the graph, one α after another.

import { channelNumbers, reduceChannels, type ChannelBounds } from '../../core/calibration/channel-observers'
import { observeValues, type ObservationContext, type Observer } from '../../core/calibration/observe'
import type { GraphDraft } from '../../core/model/graph-draft'
import type { Model } from '../../core/model/model'
import { isConvolution } from '../../core/model/linear-layer'
import { isOp, intAttribute } from '../../core/model/node'
import { bytesOf, makeTensor } from '../../core/model/tensor'
import { ScaledLayer } from '../../core/model/scaled-layer'
import { quantizeChannels } from '../../core/numeric/quantize'
import { quantParams } from '../../core/numeric/quant-params'
import { channelLayout } from '../../core/numeric/scale-layout'
import type { CalibrationData } from '../../core/pass/pass-context'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { SmoothGroup } from './plan'

const ALPHAS = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
/** Min, Max and Round as they are used here. */
const OPSET = 13

export interface MeasuredGroup {
  readonly group: SmoothGroup
  readonly bounds: ChannelBounds
}

/** The factors of each group, of those that `scalesOf` gives, with the least error. Throws what `observeValues` throws. */
export async function searchAlpha(
  model: Model,
  groups: readonly MeasuredGroup[],
  scalesOf: (group: MeasuredGroup, alpha: number) => Float64Array,
  { data, indices }: { readonly data: CalibrationData; readonly indices: readonly number[] },
  context: ObservationContext,
): Promise<readonly Float64Array[]> {
  const raised = raiseOpset(model, OPSET)
  const best = groups.map((group) => ({ error: Infinity, scales: scalesOf(group, ALPHAS[0] ?? 0) }))
  for (const [step, alpha] of ALPHAS.entries()) {
    const trials = groups.map((group) => roundingObserver(group, scalesOf(group, alpha)))
    const progress = (fraction: number, what: string): void => context.progress((step + fraction) / ALPHAS.length, what)
    await observeValues(raised, trials, data, indices, { ...context, progress })
    for (const [position, { error, scales }] of trials.entries()) {
      if (error() < (best[position]?.error ?? Infinity)) best[position] = { error: error(), scales }
    }
  }
  return best.map(({ scales }) => scales)
}

interface RoundingObserver extends Observer {
  readonly scales: Float64Array
  /** Sum of squares. */
  error(): number
}

function roundingObserver({ group, bounds }: MeasuredGroup, scales: Float64Array): RoundingObserver {
  const { source, layers } = group
  let sum = 0
  return {
    value: source.value,
    scales,
    error: () => sum,
    attach: (draft, opset) => {
      const rounded = addRounded(draft, group, bounds, scales)
      return layers.map((scaled) => {
        const { node, channels } = scaled.layer
        const exact = addLayer(draft, scaled, source.value, undefined)
        const trial = addLayer(draft, scaled, rounded, roundedWeight(scaled, scales))
        const difference = draft.freshName(`${node.outputs[0] ?? ''}_difference`)
        draft.addNode({ opType: 'Sub', inputs: [trial, exact], outputs: [difference] })
        const spatialAxes = source.spatialAxes
        return reduceChannels(draft, opset, 'ReduceSumSquare', { value: difference, channels, spatialAxes })
      })
    },
    fold: (results) => {
      for (const [position, { layer }] of layers.entries()) {
        const of = { value: source.value, channels: layer.channels, spatialAxes: 0 }
        sum += channelNumbers(results[position], of).reduce((total, square) => total + square, 0)
      }
    },
  }
}

/** X / s in uint8 and back. */
function addRounded(
  draft: GraphDraft,
  { source }: SmoothGroup,
  { min, max }: ChannelBounds,
  scales: Float64Array,
): string {
  const { value, spatialAxes } = source
  const low = min.reduce((least, bound, j) => Math.min(least, bound / (scales[j] as number)), Infinity)
  const high = max.reduce((most, bound, j) => Math.max(most, bound / (scales[j] as number)), -Infinity)
  const { scale, zeroPoint } = quantParams(Math.fround(low), Math.fround(high), 'uint8')
  const place = (values: Float32Array, dims: readonly number[]): string => {
    const name = draft.freshName(`${value}_smooth`)
    draft.setInitializer(makeTensor(name, 'float32', dims, values))
    return name
  }
  const scalar = (number: number): string => place(Float32Array.of(number), [])
  const apply = (opType: string, ...inputs: readonly string[]): string => {
    const output = draft.freshName(`${value}_${opType}`)
    draft.addNode({ opType, inputs, outputs: [output] })
    return output
  }
  const factors = place(Float32Array.from(scales), factorDims(scales.length, spatialAxes))
  const step = scalar(scale)
  const codes = apply('Round', apply('Div', apply('Div', value, factors), step))
  return apply('Mul', apply('Min', apply('Max', codes, scalar(-zeroPoint)), scalar(255 - zeroPoint)), step)
}

export const factorDims = (channels: number, spatialAxes: number): readonly number[] => [
  channels,
  ...Array.from({ length: spatialAxes }, () => 1),
]

/** The layer without its bias on another input, with another weight where one is given. */
function addLayer(draft: GraphDraft, { layer }: ScaledLayer, input: string, weight: Float32Array | undefined): string {
  const { node } = layer
  const output = draft.freshName(`${node.outputs[0] ?? ''}_trial`)
  const name = weight ? draft.freshName(`${output}_weight`) : (node.inputs[1] ?? '')
  if (weight) draft.setInitializer(makeTensor(name, 'float32', layer.weight.dims, weight))
  draft.addNode({ opType: node.opType, inputs: [input, name], outputs: [output], attributes: node.attributes })
  return output
}

/** W · s in int8 and back, with one scale per output channel. */
function roundedWeight({ layer, grid }: ScaledLayer, scales: Float64Array): Float32Array {
  const { node, weight } = layer
  const scaled = new ScaledLayer(layer, grid)
  scaled.inputFactors.set(scales)
  const values = Float32Array.from(scaled.weight())
  const outputsFirst = isOp(node, 'Conv') || (isOp(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0)
  const axis = outputsFirst || (isConvolution(node) && grid.groups > 1) ? 0 : 1
  const result = quantizeChannels(bytesOf(values), channelLayout(weight.dims, axis), 'int8', { symmetric: true })
  if (!result) return values
  const inner = weight.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  return values.map(
    (_, i) => (result.values[i] as number) * (result.scales[Math.floor(i / inner) % result.scales.length] as number),
  )
}
