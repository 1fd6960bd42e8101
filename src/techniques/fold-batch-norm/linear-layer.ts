// The layers that can take a scale and a shift per output channel into their weights, and how they do it.

import { floatsOf } from '../../core/model/float-values'
import { linearLayerOf, type Affine, type LinearLayer } from '../../core/model/linear-layer'
import type { Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import { scaleChannels } from './affine'

/** A layer whose output channels lie on axis 1. */
export interface FoldableLayer extends LinearLayer {
  /** Of the output. */
  readonly rank: number
}

export interface FoldedWeights {
  readonly weight: Float32Array | Float64Array
  readonly bias: Float32Array | Float64Array
}

/** The reason, as the end of a sentence, where the weights cannot be changed. `rankOf` knows the rank of a value, or not. */
export function foldableLayerOf(
  node: Node,
  opset: number,
  constant: (value: string) => Tensor | undefined,
  rankOf: (value: string) => number | undefined,
): FoldableLayer | string {
  const layer = linearLayerOf(node, opset, constant)
  if (typeof layer === 'string') return layer
  if (node.opType === 'MatMul' && rankOf(node.inputs[0] ?? '') !== 2)
    return 'the MatMul before it is not a matrix product'
  const isMatrix = node.opType === 'Gemm' || node.opType === 'MatMul'
  return { ...layer, rank: isMatrix ? 2 : layer.weight.dims.length }
}

/** W′ = scale · W, b′ = scale · β · b + shift, in float64 and rounded once. Undefined where a result is not finite. */
export function foldInto(layer: LinearLayer, { scale, shift }: Affine): FoldedWeights | undefined {
  const weights = floatsOf(layer.weight)
  const weight = scaleChannels(weights, layer.layout, scale)
  const before = layer.bias && floatsOf(layer.bias)
  const bias = weights instanceof Float64Array ? new Float64Array(layer.channels) : new Float32Array(layer.channels)
  for (let c = 0; c < layer.channels; c++) {
    const old = before ? (before[before.length === 1 ? 0 : c] as number) * layer.biasFactor : 0
    bias[c] = old * (scale[c] as number) + (shift[c] as number)
  }
  return weight.every(Number.isFinite) && bias.every(Number.isFinite) ? { weight, bias } : undefined
}
