// Puts changed numbers in the place of a constant of one node, and leaves other readers what they have.

import type { GraphEdit } from './map-graphs'
import { attributes, float, type Node } from './node'
import { makeTensor, type Tensor } from './tensor'

/** Stores new numbers under the old name where only this layer reads it, else under a fresh one; returns the name. */
export function placeNumbers(
  { draft, freshName }: Pick<GraphEdit, 'draft' | 'freshName'>,
  node: Node,
  old: Tensor,
  numbers: Float32Array | Float64Array,
  dims: readonly number[],
): string {
  const position = node.inputs.indexOf(old.name)
  const isOwn =
    position > 0 &&
    draft.initializers.has(old.name) &&
    !draft.index.isInput(old.name) &&
    !draft.index.isOutput(old.name) &&
    draft.index.consumers(old.name).every((reader) => reader === node) &&
    node.inputs.indexOf(old.name, position + 1) < 0
  const name = isOwn ? old.name : freshName(draft.initializers.has(old.name) ? `${old.name}_folded` : old.name)
  draft.setInitializer(makeTensor(name, old.dtype, dims, numbers))
  return name
}

/** The node with three inputs, its bias counted once; a MatMul becomes a Gemm. */
export function withBias(node: Node, inputs: readonly string[]): Node {
  if (node.opType === 'MatMul') return { ...node, opType: 'Gemm', inputs, attributes: attributes({}) }
  if (node.opType !== 'Gemm') return { ...node, inputs }
  return { ...node, inputs, attributes: new Map([...node.attributes, ['beta', float(1)]]) }
}
