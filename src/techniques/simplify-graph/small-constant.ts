// Reads small constants that say what an operator does: axes, shapes, bounds.

import type { GraphEdit } from '../../core/model/map-graphs'
import { intsAttribute, type Node } from '../../core/model/node'
import { tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'

/** Integers of an attribute or, in newer opsets, of an input: 'absent' where neither is there, undefined where they are not known. */
export function integersOf(
  node: Node,
  attribute: string,
  input: number,
  graph: GraphEdit,
): readonly number[] | 'absent' | undefined {
  const given = node.attributes.get(attribute)
  if (given) return given.kind === 'ints' ? intsAttribute(node, attribute) : undefined
  const name = node.inputs[input] ?? ''
  return name === '' ? 'absent' : integersIn(graph.constant(name))
}

/** Ends of a slice may be the largest int64; rounded to a double they still mean "to the end". */
export function integersIn(tensor: Tensor | undefined): readonly number[] | undefined {
  if (tensor?.data.kind !== 'bytes') return undefined
  const bytes = tensorBytes(tensor)
  if (tensor.dtype === 'int64') return Array.from(viewAs(bytes, BigInt64Array), Number)
  return tensor.dtype === 'int32' ? [...viewAs(bytes, Int32Array)] : undefined
}

/** The one number of a float32 or float64 tensor. */
export function numberIn(tensor: Tensor | undefined): number | undefined {
  if (tensor?.data.kind !== 'bytes' || (tensor.dtype !== 'float32' && tensor.dtype !== 'float64')) return undefined
  const bytes = tensorBytes(tensor)
  const numbers = tensor.dtype === 'float64' ? viewAs(bytes, Float64Array) : viewAs(bytes, Float32Array)
  return numbers.length === 1 ? numbers[0] : undefined
}
