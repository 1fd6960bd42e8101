// Which weights must lose which slices when output channels of a layer go (DepGraph, Fang et al. 2023; quantization.md 10.7), and the model
// without them. A reference in tests, for the operators of the conformance cases: Lathe has no technique that prunes channels yet.

import { inferShapes } from '../../src/core/model/infer-shapes'
import { indexGraph } from '../../src/core/model/graph-index'
import type { Model } from '../../src/core/model/model'
import { intAttribute, type Node } from '../../src/core/model/node'
import { tensorBytes, viewAs, type Tensor } from '../../src/core/model/tensor'
import { tensor } from '../fixtures/build-model'

/** Weight → axis → indices that go. */
export type Slices = ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<number>>>

/** Everything that is coupled to `channels` of axis 1 of the value. Throws where an input or output of the graph, or an unknown operator, is. */
export function channelGroup(model: Model, value: string, channels: readonly number[]): Slices {
  const { graph } = model
  const index = indexGraph(graph)
  const shapeOf = shapes(model)
  const slices = new Map<string, Map<number, Set<number>>>()
  const removed = new Map<string, Set<number>>()
  const cut = (name: string | undefined, axis: number, indices: readonly number[]): void => {
    if (!name) return
    const axes = slices.get(name) ?? new Map<number, Set<number>>()
    slices.set(name, axes.set(axis, new Set([...(axes.get(axis) ?? []), ...indices])))
  }
  const offsets = (node: Node): number[] => {
    let offset = 0
    return node.inputs.map((name) => (offset += shapeOf(name)[1] ?? NaN) - (shapeOf(name)[1] ?? NaN))
  }
  const visit = (name: string, indices: readonly number[]): void => {
    const known = removed.get(name) ?? new Set<number>()
    const fresh = indices.filter((at) => !known.has(at))
    if (fresh.length === 0) return
    removed.set(name, new Set([...known, ...fresh]))
    const producer = index.producer(name)
    if (!producer || index.isOutput(name)) throw new Error(`The channels of "${name}" belong to the model's interface.`)
    up(producer, fresh)
    for (const reader of index.consumers(name)) down(reader, name, fresh)
  }
  const up = (node: Node, indices: readonly number[]): void => {
    const [x = '', w, b] = node.inputs
    if (node.opType === 'Conv' || node.opType === 'Gemm') [w, b].forEach((weight) => cut(weight, 0, indices))
    else if (node.opType === 'Concat') {
      const starts = offsets(node)
      node.inputs.forEach((input, at) => {
        const [start = 0, size = 0] = [starts[at], shapeOf(input)[1]]
        visit(
          input,
          indices.filter((i) => i >= start && i < start + size).map((i) => i - start),
        )
      })
    } else if (node.opType === 'Add') node.inputs.forEach((input) => visit(input, indices))
    else visit(x, indices)
  }
  const down = (node: Node, name: string, indices: readonly number[]): void => {
    const [, w] = node.inputs
    const [y = ''] = node.outputs
    if (node.opType === 'Conv' || node.opType === 'Gemm') return cut(w, 1, indices)
    if (node.opType === 'Concat') {
      const start = offsets(node)[node.inputs.indexOf(name)] ?? NaN
      return visit(
        y,
        indices.map((i) => i + start),
      )
    }
    if (node.opType === 'Flatten') {
      const [, , ...space] = shapeOf(name)
      const size = space.reduce((product, dim) => product * dim, 1)
      const rows = indices.flatMap((i) => Array.from({ length: size }, (_, at) => i * size + at))
      return index.consumers(y).forEach((reader) => down(reader, y, rows))
    }
    if (node.opType === 'BatchNormalization') node.inputs.slice(1).forEach((weight) => cut(weight, 0, indices))
    else if (!['Relu', 'MaxPool', 'Add'].includes(node.opType)) throw new Error(`${node.opType} is not known here.`)
    visit(y, indices)
  }
  for (const node of graph.nodes)
    if (intAttribute(node, 'group', 1) !== 1) throw new Error('Groups are not known here.')
  visit(value, channels)
  return slices
}

function shapes(model: Model): (name: string) => readonly number[] {
  const types = inferShapes(model)
  return (name) => {
    const type = types.type(name)
    const shape = type?.kind === 'tensor' ? type.shape : undefined
    return (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : NaN))
  }
}

/** The model with the slices gone from its float32 weights. */
export function withoutSlices(model: Model, slices: Slices): Model {
  const initializers = new Map(model.graph.initializers)
  for (const [name, axes] of slices)
    for (const [axis, gone] of axes) {
      const weight = initializers.get(name)
      if (weight) initializers.set(name, { ...withoutIndices(weight, axis, gone), name })
    }
  return { ...model, graph: { ...model.graph, initializers, valueInfos: new Map() } }
}

function withoutIndices(weight: Tensor, axis: number, gone: ReadonlySet<number>): Tensor {
  const { dims } = weight
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const size = dims[axis] ?? 1
  const kept = viewAs(tensorBytes(weight), Float32Array).filter((_, at) => !gone.has(Math.floor(at / inner) % size))
  return tensor('float32', dims.with(axis, size - gone.size), kept)
}
