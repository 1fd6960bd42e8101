// The layers of a written model whose weights and biases can be fitted to samples, and what an error of their weights does to their output.
// A layer is linear, so its quantized form differs from the float one, on the very input that it reads in the quantized model, by the
// layer applied to the error of the weight. That is computed in the graph; no activation leaves it.

import { reduceChannels } from '../../core/calibration/channel-observers'
import type { GraphDraft } from '../../core/model/graph-draft'
import { indexGraph } from '../../core/model/graph-index'
import { isLinear, linearLayerOf, type LinearLayer } from '../../core/model/linear-layer'
import { onnxOpset, type Model } from '../../core/model/model'
import type { Node } from '../../core/model/node'
import type { ValueInfo } from '../../core/model/shape'
import { scaledTensor } from './constant-params'
import type { PlannedConstant } from './plan'
import type { WrittenStatic } from './write-static'

export interface FittedLayer {
  /** Of the float model. */
  readonly layer: LinearLayer
  readonly constant: PlannedConstant
  /** The node of the quantized model: it reads the input and the weight in their quantized forms. */
  readonly written: Node
}

export function fittedLayers(model: Model, { plan, written }: WrittenStatic): readonly FittedLayer[] {
  const index = indexGraph(model.graph)
  return plan.constants.flatMap((constant) =>
    constant.readers.flatMap(({ node, input }): FittedLayer[] => {
      if (input !== 1 || !isLinear(node)) return []
      const layer = linearLayerOf(node, onnxOpset(model), (value) => index.constant(value))
      const quantized = written(node)
      return typeof layer === 'string' || !quantized ? [] : [{ layer, constant, written: quantized }]
    }),
  )
}

/** Adds the float weight to a copy of the quantized model, which has it no more. Returns its name. */
export function addFloatWeight(draft: GraphDraft, { constant }: FittedLayer): string {
  const name = draft.freshName(`${constant.tensor.name}_float`)
  draft.setInitializer({ ...scaledTensor(constant), name })
  return name
}

/** Adds the layer with the tensor `error` for a weight and without a bias, reduced to one number per output channel. */
export function addLayerError(
  draft: GraphDraft,
  opset: number,
  { layer, written }: FittedLayer,
  error: string,
  reduction: 'ReduceMean' | 'ReduceSumSquare',
): ValueInfo {
  const output = draft.freshName(`${error}_output`)
  const { opType, attributes } = written
  draft.addNode({ opType, inputs: [written.inputs[0] ?? '', error], outputs: [output], attributes })
  const spatialAxes = layer.weight.dims.length - 2
  return reduceChannels(draft, opset, reduction, { value: output, channels: layer.channels, spatialAxes })
}
