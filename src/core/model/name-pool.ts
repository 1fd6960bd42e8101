// Every name in use in a model, to make new ones that collide with none in any graph, so that a value can move between graphs.

import type { Graph } from './graph'
import type { Model } from './model'
import { subgraphs, type Node } from './node'

/** Every name of a value or node of the model, so that a new one collides with none in any graph. */
export class NamePool {
  readonly #taken = new Set<string>()

  constructor(model: Model) {
    this.#addGraph(model.graph)
    for (const { inputs, nodes } of model.functions) {
      for (const name of inputs) this.#taken.add(name)
      this.#addNodes(nodes)
    }
  }

  fresh(base: string): string {
    let name = base
    for (let suffix = 1; this.#taken.has(name); suffix++) name = `${base}_${suffix}`
    this.#taken.add(name)
    return name
  }

  #addGraph(graph: Graph): void {
    for (const { name } of [...graph.inputs, ...graph.outputs]) this.#taken.add(name)
    for (const name of graph.initializers.keys()) this.#taken.add(name)
    for (const name of graph.sparseInitializers ?? []) this.#taken.add(name)
    this.#addNodes(graph.nodes)
  }

  #addNodes(nodes: readonly Node[]): void {
    for (const node of nodes) {
      for (const name of [node.name, ...node.inputs, ...node.outputs]) this.#taken.add(name)
      for (const { graph } of subgraphs(node)) this.#addGraph(graph)
    }
  }
}
