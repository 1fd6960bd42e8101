// Types and shapes of every value of a model, from the operators' rules in `infer/`, opset-aware, with small integer tensors carried
// along (Shape → Gather → Concat → Reshape). What is not known stays unknown; a graph that contradicts itself gives conflicts, not
// errors. It never changes the model. Start reading at `infer/infer-graph.ts`.

import type { Graph } from './graph'
import { inferModel } from './infer/infer-graph'
import type { InferOptions, InferredTypes, TypeScope } from './inferred-types'
import type { Model } from './model'
import { subgraphs, type Attribute, type Node } from './node'
import type { ValueInfo, ValueType } from './shape'

export type { InferOptions, InferredTypes, TypeScope } from './inferred-types'

/** Throws `model/invalid` for a cyclic graph or one that is nested too deeply, nothing else. */
export const inferShapes = (model: Model, options: InferOptions = {}): InferredTypes => inferModel(model, options)

/** The model with the inferred types of all inner values stated in `valueInfos`, bodies included. Inputs and outputs keep theirs. */
export function withInferredTypes(model: Model, options: InferOptions = {}): Model {
  const types = inferShapes(model, options)
  return { ...model, graph: stateTypes(model.graph, types, types) }
}

function stateTypes(graph: Graph, scope: TypeScope, types: InferredTypes): Graph {
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const valueInfos = new Map<string, ValueInfo>(graph.valueInfos)
  for (const node of graph.nodes) {
    for (const name of node.outputs) {
      const type = name === '' || outputs.has(name) ? undefined : scope.type(name)
      const stated = valueInfos.get(name)
      if (type && !sameType(stated?.type, type)) valueInfos.set(name, { ...stated, name, type })
    }
  }
  return { ...graph, valueInfos, nodes: graph.nodes.map((node) => stateTypesInBodies(node, types)) }
}

function stateTypesInBodies(node: Node, types: InferredTypes): Node {
  if (subgraphs(node).length === 0) return node
  const inBody = (body: Graph): Graph => {
    const scope = types.body(body)
    return scope ? stateTypes(body, scope, types) : body
  }
  const attributes = new Map(
    [...node.attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.kind === 'graph') return [name, { ...attribute, value: inBody(attribute.value) }]
      if (attribute.kind === 'graphs') return [name, { ...attribute, value: attribute.value.map(inBody) }]
      return [name, attribute]
    }),
  )
  return { ...node, attributes }
}

/** Whether a stated tensor type says all there is; other kinds are left as the file has them. */
function sameType(stated: ValueType | undefined, type: ValueType): boolean {
  if (!stated || stated.kind !== type.kind) return false
  if (stated.kind !== 'tensor' || type.kind !== 'tensor') return true
  if (stated.dtype !== type.dtype || stated.shape?.length !== type.shape?.length) return false
  return !type.shape || type.shape.every((dim, axis) => dim === stated.shape?.[axis])
}
