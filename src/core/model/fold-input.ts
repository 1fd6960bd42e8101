// How the weights of a layer take in a scale and a shift per channel of its input.

import { floatsOf } from './float-values'
import type { Affine, LinearLayer, WeightGrid } from './linear-layer'
import { floatAttribute, isOp } from './node'

type Numbers = Float32Array | Float64Array

export interface FoldedInput {
  readonly weight: Numbers
  /** Undefined where nothing was shifted, and the layer keeps what it has. */
  readonly bias: Numbers | undefined
}

/**
 * W′ = W · scale and b′ = β · b + α · Σ W · shift, in float64 and rounded once. The bias is left out where nothing is shifted. Undefined
 * where a result is not finite.
 */
export function foldInput(layer: LinearLayer, layout: WeightGrid, { scale, shift }: Affine): FoldedInput | undefined {
  const { groups, outputs, inputs, inner, outputsFirst } = layout
  const weights = floatsOf(layer.weight)
  const weight = weights.slice()
  const sums = new Float64Array(groups * outputs)
  const [rows, columns] = outputsFirst ? [outputs, inputs] : [inputs, outputs]
  let i = 0
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const output = group * outputs + (outputsFirst ? row : column)
        const input = group * inputs + (outputsFirst ? column : row)
        const [factor, offset] = [scale[input] as number, shift[input] as number]
        for (let k = 0; k < inner; k++, i++) {
          const value = weights[i] as number
          weight[i] = value * factor
          sums[output] = (sums[output] as number) + value * offset
        }
      }
    }
  }
  const bias = shift.some((value) => value !== 0) ? shiftedBias(layer, sums) : undefined
  return weight.every(Number.isFinite) && (bias?.every(Number.isFinite) ?? true) ? { weight, bias } : undefined
}

function shiftedBias({ node, weight, bias, biasFactor }: LinearLayer, sums: Float64Array): Numbers {
  const alpha = isOp(node, 'Gemm') ? floatAttribute(node, 'alpha', 1) : 1
  const before = bias && floatsOf(bias)
  const after = weight.dtype === 'float64' ? new Float64Array(sums.length) : new Float32Array(sums.length)
  for (let c = 0; c < sums.length; c++) {
    const old = before ? (before[before.length === 1 ? 0 : c] as number) * biasFactor : 0
    after[c] = old + alpha * (sums[c] as number)
  }
  return after
}
