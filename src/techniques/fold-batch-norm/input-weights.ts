// How the weights of a layer take in a scale and a shift per channel of its input.

import { floatAttribute, intAttribute, isOp, type Node } from '../../core/model/node'
import type { Affine } from './affine'
import { floatsOf } from './channel-affine'
import type { FoldedWeights, LinearLayer } from './linear-layer'

/** How input channels lie in a weight: `[groups, outputs, inputs, inner]` or `[groups, inputs, outputs, inner]`, flattened. */
export interface InputLayout {
  readonly groups: number
  readonly outputs: number
  readonly inputs: number
  readonly inner: number
  readonly outputsFirst: boolean
}

/** Undefined where the channels of the input are not on its axis 1. */
export function inputLayoutOf({ node, weight }: LinearLayer): InputLayout | undefined {
  const [first = 0, second = 0, ...kernel] = weight.dims
  const inner = kernel.reduce((product, dim) => product * dim, 1)
  const groups = isConvolution(node) ? intAttribute(node, 'group', 1) : 1
  if (groups < 1 || first % groups !== 0) return undefined
  const outputsFirst = isOp(node, 'Conv') || (isOp(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0)
  if (isOp(node, 'Gemm') && intAttribute(node, 'transA', 0) !== 0) return undefined
  const [outputs, inputs] = outputsFirst ? [first / groups, second] : [second, first / groups]
  return { groups, outputs, inputs, inner, outputsFirst }
}

const isConvolution = (node: Node): boolean => isOp(node, 'Conv') || isOp(node, 'ConvTranspose')

/**
 * W′ = W · scale and b′ = β · b + α · Σ W · shift, in float64 and rounded once. The bias is left out where nothing is shifted. Undefined
 * where a result is not finite.
 */
export function foldBefore(
  layer: LinearLayer,
  layout: InputLayout,
  { scale, shift }: Affine,
): (Pick<FoldedWeights, 'weight'> & { readonly bias: FoldedWeights['bias'] | undefined }) | undefined {
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

function shiftedBias({ node, weight, bias, biasFactor }: LinearLayer, sums: Float64Array): FoldedWeights['bias'] {
  const alpha = isOp(node, 'Gemm') ? floatAttribute(node, 'alpha', 1) : 1
  const before = bias && floatsOf(bias)
  const after = weight.dtype === 'float64' ? new Float64Array(sums.length) : new Float32Array(sums.length)
  for (let c = 0; c < sums.length; c++) {
    const old = before ? (before[before.length === 1 ? 0 : c] as number) * biasFactor : 0
    after[c] = old + alpha * (sums[c] as number)
  }
  return after
}
