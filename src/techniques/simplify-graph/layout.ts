// Operators that only rearrange a tensor: two in a row that are one, pairs that cancel out, and single ones that do nothing for the shapes
// and constants at hand. (`fold-constants` drops those that never do anything, such as Identity.)

import type { GraphEdit } from '../../core/model/map-graphs'
import { attributes, intAttribute, intsAttribute, isOp, type Node } from '../../core/model/node'
import type { Shape } from '../../core/model/shape'
import { absorbable, bypassed, fused, type Fusion } from './edit'
import { integersIn, integersOf } from './small-constant'

const shapeOf = (value: string, graph: GraphEdit): Shape | undefined => {
  const type = graph.type(value)
  return type?.kind === 'tensor' ? type.shape : undefined
}

/** The last of several reshapes decides, unless it copies a size of the one before (0). */
export const reshapeOfReshape: Fusion = (node, graph, opset) => {
  // Before opset 5 the shape was an attribute.
  if (!isOp(node, 'Reshape') || opset < 5) return undefined
  const before = absorbable(graph, node.inputs[0] ?? '', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze')
  const target = before && integersIn(graph.constant(node.inputs[1] ?? ''))
  if (!target || (target.includes(0) && intAttribute(node, 'allowzero', 0) === 0)) return undefined
  const inputs = [before.inputs[0] ?? '', ...node.inputs.slice(1)]
  return fused(`${before.opType} + Reshape`, before, node, { ...node, inputs })
}

export const transposeOfTranspose: Fusion = (node, graph) => {
  if (!isOp(node, 'Transpose')) return undefined
  const before = absorbable(graph, node.inputs[0] ?? '', 'Transpose')
  const [x = ''] = before?.inputs ?? []
  const rank = before && (intsAttribute(before, 'perm') ?? intsAttribute(node, 'perm') ?? shapeOf(x, graph))?.length
  if (!before || rank === undefined) return undefined
  const [first, second] = [before, node].map((one) => intsAttribute(one, 'perm') ?? reversed(rank)) as [
    number[],
    number[],
  ]
  if (first.length !== second.length) return undefined
  const perm = second.map((axis) => first[axis] ?? 0)
  const [y = ''] = node.outputs
  if (perm.every((axis, at) => axis === at)) return bypassed(graph, 'Transpose + Transpose', [before, node], [y, x])
  return fused('Transpose + Transpose', before, node, { ...node, inputs: [x], attributes: attributes({ perm }) })
}

const reversed = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => rank - 1 - axis)

/** `Squeeze` of what `Unsqueeze` put in, or the other way round. Axes of both count in the larger tensor. */
export const squeezeOfUnsqueeze: Fusion = (node, graph) => {
  const opposite = isOp(node, 'Squeeze') ? 'Unsqueeze' : isOp(node, 'Unsqueeze') ? 'Squeeze' : undefined
  const before = opposite && absorbable(graph, node.inputs[0] ?? '', opposite)
  if (!before) return undefined
  const [first, second] = [before, node].map((one) => integersOf(one, 'axes', 1, graph))
  if (!Array.isArray(first) || !Array.isArray(second)) return undefined
  const sorted = (axes: readonly number[]): string => [...axes].sort((a, b) => a - b).join()
  if (sorted(first) !== sorted(second)) return undefined
  return bypassed(
    graph,
    `${before.opType} + ${node.opType}`,
    [before, node],
    [node.outputs[0] ?? '', before.inputs[0] ?? ''],
  )
}

/** Operators that give back what they got. */
export const nothingToDo: Fusion = (node, graph, opset) => {
  if (node.domain !== '') return undefined
  const isIdle = IDLE[node.opType]?.(node, graph, opset) ?? false
  const [x = ''] = node.inputs
  return isIdle ? bypassed(graph, `idle ${node.opType}`, [node], [node.outputs[0] ?? '', x]) : undefined
}

type Idle = (node: Node, graph: GraphEdit, opset: number) => boolean

const IDLE: Readonly<Record<string, Idle>> = {
  Slice: (node, graph) => {
    const starts = integersOf(node, 'starts', 1, graph)
    const ends = integersOf(node, 'ends', 2, graph)
    const axes = integersOf(node, 'axes', 3, graph)
    const steps = integersOf(node, 'steps', 4, graph)
    if (!isList(starts) || !isList(ends) || axes === undefined || steps === undefined) return false
    const shape = shapeOf(node.inputs[0] ?? '', graph)
    return starts.every((start, at) => {
      const axis = axes === 'absent' ? at : (axes[at] ?? 0)
      const dim = shape?.at(axis)
      const isWhole = (ends[at] ?? 0) >= (typeof dim === 'number' ? dim : TO_THE_END)
      return start === 0 && isWhole && (steps === 'absent' || steps[at] === 1)
    })
  },
  Pad: (node, graph) => {
    const pads = integersOf(node, 'pads', 1, graph)
    return isList(pads) && pads.every((pad) => pad === 0)
  },
  Expand: (node, graph) => {
    const shape = shapeOf(node.inputs[0] ?? '', graph)
    const target = integersIn(graph.constant(node.inputs[1] ?? ''))
    if (!shape || !target || target.length > shape.length) return false
    const offset = shape.length - target.length
    return target.every((size, axis) => size === 1 || size === shape[axis + offset])
  },
  Reshape: (node, graph, opset) => {
    const shape = shapeOf(node.inputs[0] ?? '', graph)
    const target = opset < 5 ? undefined : integersIn(graph.constant(node.inputs[1] ?? ''))
    if (!shape || target?.length !== shape.length) return false
    const copies = intAttribute(node, 'allowzero', 0) === 0
    // One size may be left to follow from the others.
    return (
      target.filter((size) => size === -1).length <= 1 &&
      target.every((size, axis) => size === -1 || size === shape[axis] || (size === 0 && copies))
    )
  },
}

const isList = (value: readonly number[] | 'absent' | undefined): value is readonly number[] => Array.isArray(value)

/** No axis is longer. */
const TO_THE_END = 2 ** 31 - 1
