// Every constant tensor of a model, wherever it stands: initializers, node attributes, subgraphs, function bodies.
// Sparse initializers and training information are carried, not interpreted, and stay as they are.

import type { Graph } from './graph'
import type { Model } from './model'
import type { Attribute, Node } from './node'
import type { Tensor } from './tensor'

type Change = (tensor: Tensor) => Tensor

/** Calls `change` once per tensor, in file order. Parts in which nothing changed are kept by identity. */
export function mapTensors(model: Model, change: Change): Model {
  const graph = mapGraph(model.graph, change)
  const functions = mapList(model.functions, (owner) => {
    const nodes = mapList(owner.nodes, (node) => mapNode(node, change))
    return nodes === owner.nodes ? owner : { ...owner, nodes }
  })
  return graph === model.graph && functions === model.functions ? model : { ...model, graph, functions }
}

function mapGraph(graph: Graph, change: Change): Graph {
  const nodes = mapList(graph.nodes, (node) => mapNode(node, change))
  const initializers = mapValues(graph.initializers, change)
  return nodes === graph.nodes && initializers === graph.initializers ? graph : { ...graph, nodes, initializers }
}

function mapNode(node: Node, change: Change): Node {
  const attributes = mapValues(node.attributes, (attribute) => mapAttribute(attribute, change))
  return attributes === node.attributes ? node : { ...node, attributes }
}

function mapAttribute(attribute: Attribute, change: Change): Attribute {
  const { kind } = attribute
  if (kind === 'tensor') return withValue(attribute, change(attribute.value))
  if (kind === 'tensors') return withValue(attribute, mapList(attribute.value, change))
  const changeGraph = (graph: Graph): Graph => mapGraph(graph, change)
  if (kind === 'graph') return withValue(attribute, changeGraph(attribute.value))
  return kind === 'graphs' ? withValue(attribute, mapList(attribute.value, changeGraph)) : attribute
}

const withValue = <A extends { readonly value: unknown }>(attribute: A, value: A['value']): A =>
  value === attribute.value ? attribute : { ...attribute, value }

function mapList<T>(items: readonly T[], change: (item: T) => T): readonly T[] {
  const changed = items.map(change)
  return changed.some((item, position) => item !== items[position]) ? changed : items
}

function mapValues<T>(items: ReadonlyMap<string, T>, change: (item: T) => T): ReadonlyMap<string, T> {
  const changed = [...items].map(([name, item]): readonly [string, T] => [name, change(item)])
  return changed.some(([name, item]) => item !== items.get(name)) ? new Map(changed) : items
}
