// A model without the texts that say nothing to an engine: doc strings and metadata of the model, its graphs, operators, attributes, values,
// weights and functions. Everything else that a file carries stays.

import type { Carried } from '../model/carried'
import type { Graph } from '../model/graph'
import type { Model, ModelFunction } from '../model/model'
import type { Attribute, Node } from '../model/node'
import type { ValueInfo } from '../model/shape'
import type { Tensor } from '../model/tensor'
import { withoutPieces } from './carried-fields'

/** Numbers of the fields `doc_string` and `metadata_props` by message (onnx.proto). */
const TEXT_FIELDS = {
  model: [6],
  graph: [10, 16],
  node: [6, 9],
  attribute: [13],
  value: [3, 4],
  tensor: [12, 16],
  function: [8, 14],
} as const

export const withoutTexts = (model: Model): Model => ({
  ...strip(model, TEXT_FIELDS.model),
  metadata: new Map(),
  graph: graphWithout(model.graph),
  functions: model.functions.map(functionWithout),
})

function strip<T extends { readonly carried?: Carried }>(owner: T, fields: readonly number[]): T {
  return owner.carried ? { ...owner, carried: withoutPieces(owner.carried, fields) } : owner
}

function graphWithout(graph: Graph): Graph {
  return {
    ...strip(graph, TEXT_FIELDS.graph),
    nodes: graph.nodes.map(nodeWithout),
    inputs: graph.inputs.map(valueWithout),
    outputs: graph.outputs.map(valueWithout),
    initializers: mapValues(graph.initializers, tensorWithout),
    valueInfos: mapValues(graph.valueInfos, valueWithout),
  }
}

const functionWithout = (owner: ModelFunction): ModelFunction => ({
  ...strip(owner, TEXT_FIELDS.function),
  nodes: owner.nodes.map(nodeWithout),
})

const nodeWithout = (node: Node): Node => ({
  ...strip(node, TEXT_FIELDS.node),
  attributes: mapValues(node.attributes, attributeWithout),
})

function attributeWithout(attribute: Attribute): Attribute {
  const bare = strip(attribute, TEXT_FIELDS.attribute)
  switch (bare.kind) {
    case 'tensor':
      return { ...bare, value: tensorWithout(bare.value) }
    case 'tensors':
      return { ...bare, value: bare.value.map(tensorWithout) }
    case 'graph':
      return { ...bare, value: graphWithout(bare.value) }
    case 'graphs':
      return { ...bare, value: bare.value.map(graphWithout) }
    default:
      return bare
  }
}

const valueWithout = (info: ValueInfo): ValueInfo => strip(info, TEXT_FIELDS.value)
const tensorWithout = (tensor: Tensor): Tensor => strip(tensor, TEXT_FIELDS.tensor)

const mapValues = <T>(items: ReadonlyMap<string, T>, change: (item: T) => T): ReadonlyMap<string, T> =>
  new Map([...items].map(([name, item]) => [name, change(item)]))
