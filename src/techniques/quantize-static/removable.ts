// Whether a Relu or Clip has nothing left to do once its output is quantized.

import type { GraphIndex } from '../../core/model/graph-index'
import { isOp, type Node } from '../../core/model/node'
import { tensorBytes, tensorCount, viewAs } from '../../core/model/tensor'

/**
 * Integers saturate at the measured range of the output, which lies within the bounds, widened to include zero. So Relu is covered, and
 * a Clip whose bounds are constants with zero between them; any other would lose a bound.
 */
export function boundedByRange(node: Node, index: GraphIndex): boolean {
  if (isOp(node, 'Relu')) return true
  const lowest = bound(node.inputs[1], index, -Infinity)
  const highest = bound(node.inputs[2], index, Infinity)
  return lowest !== undefined && highest !== undefined && lowest <= 0 && highest >= 0
}

/** The constant bound, `unbounded` where there is none, undefined where it is not known ahead of time. */
function bound(name: string | undefined, index: GraphIndex, unbounded: number): number | undefined {
  if (name === undefined || name === '') return unbounded
  const tensor = index.constant(name)
  if (tensor?.dtype !== 'float32' || tensorCount(tensor) !== 1) return undefined
  return viewAs(tensorBytes(tensor), Float32Array)[0]
}
