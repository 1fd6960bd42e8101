// A graph under change. A technique opens a draft, edits it and calls `finish()`, which drops weights that nothing uses
// any more (`Constant` nodes too), sorts the nodes topologically and returns a new immutable graph. The original graph and its tensors are never touched.

import { LabError } from '../errors/lab-error'
import type { Graph } from './graph'
import { capturedValues, indexGraph, valuesRead, type GraphIndex } from './graph-index'
import { isOp, nodeLabel, subgraphs, type Attribute, type Node } from './node'
import type { ValueInfo, ValueType } from './shape'
import type { Tensor } from './tensor'
import { sortTopologically } from './topological-sort'

export interface NewNode {
  readonly opType: string
  readonly domain?: string
  readonly name?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: ReadonlyMap<string, Attribute>
}

export class GraphDraft {
  readonly #original: Graph
  readonly #initializers: Map<string, Tensor>
  readonly #valueInfos: Map<string, ValueInfo>
  readonly #names: Set<string>
  readonly #nodeNames: Set<string>
  #nodes: Node[]
  #index: GraphIndex | undefined

  constructor(graph: Graph) {
    this.#original = graph
    this.#nodes = [...graph.nodes]
    this.#initializers = new Map(graph.initializers)
    this.#valueInfos = new Map(graph.valueInfos)
    this.#names = allValueNames(graph)
    this.#nodeNames = new Set(graph.nodes.map(({ name }) => name))
  }

  get nodes(): readonly Node[] {
    return this.#nodes
  }

  get initializers(): ReadonlyMap<string, Tensor> {
    return this.#initializers
  }

  /** Producers and consumers as of now; rebuilt after each edit, so collect edits before asking again. */
  get index(): GraphIndex {
    this.#index ??= indexGraph({ ...this.#original, nodes: this.#nodes, initializers: this.#initializers })
    return this.#index
  }

  /** `base` if it is free in this graph and its subgraphs, else `base_1`, `base_2`… The name is reserved. */
  freshName(base: string): string {
    return reserve(this.#names, base)
  }

  /** Adds a weight under `tensor.name`, which must be fresh or already an initializer's (then it is replaced). */
  setInitializer(tensor: Tensor): void {
    this.#setInitializer(tensor, () => this.#nodes.some(({ outputs }) => outputs.includes(tensor.name)))
  }

  /** `setInitializer` for many, in one sweep. */
  setInitializers(tensors: readonly Tensor[]): void {
    const made = new Set(this.#nodes.flatMap(({ outputs }) => outputs))
    for (const tensor of tensors) this.#setInitializer(tensor, () => made.has(tensor.name))
  }

  #setInitializer(tensor: Tensor, isMade: () => boolean): void {
    if (!this.#initializers.has(tensor.name) && isMade()) {
      throw new LabError('pass/invariant', `"${tensor.name}" is made by a node and cannot become an initializer.`)
    }
    this.#names.add(tensor.name)
    this.#initializers.set(tensor.name, tensor)
    this.#index = undefined
  }

  /** Appends a node (`finish` sorts) and returns it. Its name is made unique. */
  addNode(node: NewNode): Node {
    const wanted = node.name ?? `${node.outputs[0] ?? ''}_${node.opType}`
    const made: Node = {
      name: reserve(this.#nodeNames, wanted),
      opType: node.opType,
      domain: node.domain ?? '',
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: node.attributes ?? new Map(),
    }
    for (const output of made.outputs) this.#names.add(output)
    this.#nodes.push(made)
    this.#index = undefined
    return made
  }

  /** Puts `next` in the place of `node` (compared by identity). */
  replaceNode(node: Node, next: Node): void {
    this.#nodes[this.#position(node)] = next
    this.#index = undefined
  }

  removeNode(node: Node): void {
    this.#nodes.splice(this.#position(node), 1)
    this.#index = undefined
  }

  /** Edits every node in one sweep: return the node itself to keep it, another to replace it, undefined to remove it. */
  mapNodes(edit: (node: Node) => Node | undefined): void {
    this.#nodes = this.#nodes.flatMap((node) => edit(node) ?? [])
    this.#index = undefined
  }

  /** Makes readers of `from` read `to` (subgraphs included), where `which` says so. Graph outputs keep their name. */
  redirect(from: string, to: string, which: (reader: Node) => boolean = () => true): void {
    this.mapNodes((node) => (which(node) && valuesRead(node).has(from) ? readInstead(node, from, to) : node))
  }

  /** `redirect` for many values in one sweep: each name of the map is read as what it maps to, which is no key itself. */
  redirectAll(renames: ReadonlyMap<string, string>): void {
    this.mapNodes((node) => {
      let next = node
      for (const from of valuesRead(node)) {
        const to = renames.get(from)
        if (to !== undefined) next = readInstead(next, from, to)
      }
      return next
    })
  }

  /** Declares the type of a value that this draft made. */
  setType(name: string, type: ValueType): void {
    this.#valueInfos.set(name, { name, type })
  }

  finish(): Graph {
    const used = new Set(this.#original.outputs.map(({ name }) => name))
    for (const node of this.#nodes) for (const name of valuesRead(node)) used.add(name)
    const wanted = this.#nodes.filter((node) => !isOp(node, 'Constant') || node.outputs.some((name) => used.has(name)))
    const nodes = sortTopologically(wanted, this.#original)
    const inputs = new Set(this.#original.inputs.map(({ name }) => name))
    const defined = new Set(nodes.flatMap(({ outputs }) => outputs))
    return {
      ...this.#original,
      nodes,
      initializers: new Map([...this.#initializers].filter(([name]) => used.has(name) || inputs.has(name))),
      valueInfos: new Map([...this.#valueInfos].filter(([name]) => defined.has(name))),
    }
  }

  #position(node: Node): number {
    const position = this.#nodes.indexOf(node)
    if (position < 0) throw new LabError('pass/invariant', `Node ${nodeLabel(node)} is not in the graph any more.`)
    return position
  }
}

function reserve(taken: Set<string>, base: string): string {
  let name = base
  for (let suffix = 1; name === '' || taken.has(name); suffix++) name = `${base}_${suffix}`
  taken.add(name)
  return name
}

function allValueNames(graph: Graph): Set<string> {
  const names = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  for (const name of graph.initializers.keys()) names.add(name)
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...node.outputs]) names.add(name)
    for (const { graph: body } of subgraphs(node)) for (const name of allValueNames(body)) names.add(name)
  }
  return names
}

function readInstead(node: Node, from: string, to: string): Node {
  const inputs = node.inputs.map((name) => (name === from ? to : name))
  if (subgraphs(node).length === 0) return { ...node, inputs }
  const attributes = new Map(
    [...node.attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.kind === 'graph') return [name, { ...attribute, value: captureInstead(attribute.value, from, to) }]
      if (attribute.kind !== 'graphs') return [name, attribute]
      return [name, { ...attribute, value: attribute.value.map((graph) => captureInstead(graph, from, to)) }]
    }),
  )
  return { ...node, inputs, attributes }
}

function captureInstead(graph: Graph, from: string, to: string): Graph {
  if (!capturedValues(graph).has(from)) return graph
  const nodes = graph.nodes.map((node) => (valuesRead(node).has(from) ? readInstead(node, from, to) : node))
  // A body may hand an outer value straight out; its output is then that value's name.
  const outputs = graph.outputs.map((info) => (info.name === from ? { ...info, name: to } : info))
  return { ...graph, nodes, outputs }
}
