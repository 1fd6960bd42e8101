// Counts the nodes and constants of a model, wherever they stand: initializers, `Constant` nodes, bodies, functions. A constant is
// found from every place that reads it, inner graphs included, so that its role can be told.

import type { DType } from '../model/dtype'
import type { Graph } from '../model/graph'
import { constantNodeTensor } from '../model/graph-index'
import type { Model } from '../model/model'
import { subgraphs, type Node } from '../model/node'
import { tensorSizeBytes, type Tensor } from '../model/tensor'
import { isQuantizedOp, parametersIn, type ConstantUse } from './weight-role'

export interface ConstantCensus {
  readonly nodes: readonly Node[]
  readonly constants: readonly Tensor[]
  readonly parameters: number
  readonly bytesByDtype: ReadonlyMap<DType, number>
  /** A node computes on integer weights. */
  readonly hasQuantizedWeights: boolean
}

interface Counted {
  readonly tensor: Tensor
  readonly uses: ConstantUse[]
}

/** What the names of one graph stand for; a name that it does not define belongs to the graph around it. */
interface Names {
  readonly outer: Names | undefined
  readonly own: Map<string, { readonly constant?: Counted; readonly producer?: Node }>
}

export function takeCensus(model: Model): ConstantCensus {
  const counter = new Counter()
  counter.visit(model.graph, undefined)
  for (const { nodes } of model.functions) counter.visit({ nodes }, undefined)
  const bytesByDtype = new Map<DType, number>()
  let parameters = 0
  let hasQuantizedWeights = false
  for (const { tensor, uses } of counter.constants) {
    bytesByDtype.set(tensor.dtype, (bytesByDtype.get(tensor.dtype) ?? 0) + tensorSizeBytes(tensor))
    const count = parametersIn(tensor, uses)
    parameters += count
    hasQuantizedWeights ||= count > 0 && uses.some(({ node }) => isQuantizedOp(node))
  }
  const constants = counter.constants.map(({ tensor }) => tensor)
  return { nodes: counter.nodes, constants, parameters, bytesByDtype, hasQuantizedWeights }
}

class Counter {
  readonly nodes: Node[] = []
  readonly constants: Counted[] = []

  visit(graph: Pick<Graph, 'nodes'> & Partial<Graph>, outer: Names | undefined): void {
    const names: Names = { outer, own: new Map() }
    for (const { name } of graph.inputs ?? []) names.own.set(name, {})
    for (const [name, tensor] of graph.initializers ?? []) names.own.set(name, { constant: this.#count(tensor) })
    for (const node of graph.nodes) this.#define(node, names)
    for (const node of graph.nodes) {
      this.nodes.push(node)
      this.#use(node, names)
      for (const { graph: body } of subgraphs(node)) this.visit(body, names)
    }
  }

  #count(tensor: Tensor): Counted {
    const counted: Counted = { tensor, uses: [] }
    this.constants.push(counted)
    return counted
  }

  #define(node: Node, names: Names): void {
    const tensor = constantNodeTensor(node)
    const entry = tensor ? { constant: this.#count(tensor) } : { producer: node }
    for (const output of node.outputs) names.own.set(output, entry)
  }

  #use(node: Node, names: Names): void {
    const found = node.inputs.map((name) => (name === '' ? undefined : lookUp(name, names)))
    found.forEach((entry, input) => {
      const partner = found.length === 2 ? uncast(found[1 - input]?.producer, names) : undefined
      entry?.constant?.uses.push({ node, input, partner })
    })
  }
}

/** What makes the numbers that a Cast only turns into another type. */
function uncast(producer: Node | undefined, names: Names): Node | undefined {
  return producer?.opType === 'Cast' ? lookUp(producer.inputs[0] ?? '', names)?.producer : producer
}

function lookUp(name: string, names: Names | undefined) {
  for (let scope = names; scope; scope = scope.outer) {
    const entry = scope.own.get(name)
    if (entry) return entry
  }
  return undefined
}
