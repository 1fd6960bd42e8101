// Replaces `Shape`, `Size` and `Gather` of a shape by numbers where the sizes they ask for are known from the file.

import { elementCount, type Shape } from '../../core/model/shape'
import type { GraphEdit } from '../../core/model/map-graphs'
import { intAttribute, isOp, type Node } from '../../core/model/node'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'

/** The value of the node's output, when the sizes are known. */
export function knownShapeValue(node: Node, graph: GraphEdit): Tensor | undefined {
  const name = node.outputs[0] ?? ''
  if (isOp(node, 'Size')) {
    const count = elementCount(shapeOf(node.inputs[0] ?? '', graph))
    return count === undefined ? undefined : makeTensor(name, 'int64', [], BigInt64Array.of(BigInt(count)))
  }
  if (isOp(node, 'Shape')) return sizesTensor(name, rangeOf(node, graph))
  if (!isOp(node, 'Gather')) return undefined
  const source = graph.draft.index.producer(node.inputs[0] ?? '')
  return source && isOp(source, 'Shape') ? gathered(node, rangeOf(source, graph), graph) : undefined
}

function shapeOf(value: string, graph: GraphEdit): Shape | undefined {
  const type = graph.type(value)
  return type?.kind === 'tensor' ? type.shape : undefined
}

/** The sizes that a `Shape` node gives: all, or from `start` to `end` (opset 15). */
function rangeOf(node: Node, graph: GraphEdit): Shape | undefined {
  return shapeOf(node.inputs[0] ?? '', graph)?.slice(
    intAttribute(node, 'start', 0),
    intAttribute(node, 'end', undefined),
  )
}

function gathered(node: Node, sizes: Shape | undefined, { constant }: GraphEdit): Tensor | undefined {
  const indices = constant(node.inputs[1] ?? '')
  if (!sizes || !indices || indices.data.kind !== 'bytes' || intAttribute(node, 'axis', 0) > 0) return undefined
  const bytes = tensorBytes(indices)
  const positions = [...(indices.dtype === 'int64' ? viewAs(bytes, BigInt64Array) : viewAs(bytes, Int32Array))]
  const picked = positions.map((position) => sizes.at(Number(position)) ?? null)
  return sizesTensor(node.outputs[0] ?? '', picked, indices.dims)
}

function sizesTensor(name: string, sizes: Shape | undefined, dims?: readonly number[]): Tensor | undefined {
  if (!sizes?.every((size) => typeof size === 'number')) return undefined
  return makeTensor(name, 'int64', dims ?? [sizes.length], BigInt64Array.from(sizes, BigInt))
}
