// Whether a Relu or Clip has nothing left to do once its output is quantized: integers saturate at the ends of their range.

import type { GraphIndex } from '../../core/model/graph-index'
import { isOp, type Node } from '../../core/model/node'
import { tensorBytes, tensorCount, viewAs } from '../../core/model/tensor'
import type { StaticOptions } from './spec'
import { activationFormat, conversionOf } from './tensor-format'

type Bounds = readonly [lowest: number, highest: number]

/**
 * The node before it can write the bounded value at once: nobody else reads what it makes, nobody gets the value in another type, and
 * the quantized range of the output lies within the bounds. That range is what was measured, so within the bounds, widened to include zero.
 */
export function mayBeAbsorbed(node: Node, index: GraphIndex, options: StaticOptions): boolean {
  const [input = ''] = node.inputs
  const [output = ''] = node.outputs
  if (options.keepRemovable || index.isInput(input) || index.isOutput(input)) return false
  if (readsOf(input, index) !== 1) return false
  if (conversionOf(input, options) || conversionOf(output, options)) return false
  const bounds = boundsOf(node, index)
  return bounds !== undefined && bounds[0] <= 0 && bounds[1] >= 0 && staysWithin(bounds, output, options)
}

/** How many inputs of nodes read the value; a body that reads it counts once. */
export const readsOf = (value: string, index: GraphIndex): number =>
  index
    .consumers(value)
    .reduce((sum, { inputs }) => sum + Math.max(1, inputs.filter((name) => name === value).length), 0)

/** Symmetric ranges, and those of an override, may reach beyond the bounds. */
function staysWithin([lowest, highest]: Bounds, output: string, options: StaticOptions): boolean {
  const { symmetric, restricted, dtype, min = 0, max = 0, given } = activationFormat(output, options)
  if (symmetric || given) return false
  if (restricted && dtype === 'uint8' && lowest < 0) return false
  return min >= lowest && max <= highest
}

function boundsOf(node: Node, index: GraphIndex): Bounds | undefined {
  if (isOp(node, 'Relu')) return [0, Infinity]
  const lowest = bound(node.inputs[1], index, -Infinity)
  const highest = bound(node.inputs[2], index, Infinity)
  return lowest === undefined || highest === undefined ? undefined : [lowest, highest]
}

/** The constant bound, `unbounded` where there is none, undefined where it is not known ahead of time. */
function bound(name: string | undefined, index: GraphIndex, unbounded: number): number | undefined {
  if (name === undefined || name === '') return unbounded
  const tensor = index.constant(name)
  if (tensor?.dtype !== 'float32' || tensorCount(tensor) !== 1) return undefined
  return viewAs(tensorBytes(tensor), Float32Array)[0]
}
