// Walks a graph in topological order and asks each operator's rule about its outputs; bodies and model-local functions are walked
// where they are called. What the file declares fills in what no rule knows. Work is bounded: nesting by `MAX_DEPTH`, visits to nodes
// of bodies and functions (which may call each other without end) by `MAX_VISITS`; beyond that only declarations count.

import { LabError } from '../../errors/lab-error'
import { IR_OF_BARE_INITIALIZERS } from '../../onnx/opset.table'
import type { Graph } from '../graph'
import { constantNodeTensor } from '../graph-index'
import type { Model, ModelFunction } from '../model'
import { nodeLabel, subgraphs, type Attribute, type Node } from '../node'
import type { InferOptions, InferredTypes, TypeConflict, TypeScope, UnknownOp } from '../inferred-types'
import type { Shape, ValueInfo, ValueType } from '../shape'
import type { Tensor } from '../tensor'
import { sortTopologically } from '../topological-sort'
import { MAX_RANK, sizeDim } from './dims'
import { factsOfType, refineFacts, typeOfFacts } from './facts'
import { tensorFacts, type Facts, type NodeContext } from './rule'
import { findRule } from './rules'
import { readSmallTensor, type SmallTensor } from './small-tensor'

const MAX_DEPTH = 100
const MAX_VISITS = 200_000
/** Real models have at most one conflict a node; a hostile one should not fill the memory with sentences. */
const MAX_CONFLICTS = 1000

type Opsets = ReadonlyMap<string, number>

/** Facts about the values of one graph; asks the enclosing graph for what it does not define. */
class Scope implements TypeScope {
  readonly #facts = new Map<string, Facts | undefined>()
  constructor(readonly outer?: Scope) {}

  set(name: string, facts: Facts | undefined): void {
    this.#facts.set(name, facts)
  }

  own(name: string): Facts | undefined {
    return this.#facts.get(name)
  }

  find(name: string): Facts | undefined {
    return this.#facts.has(name) ? this.#facts.get(name) : this.outer?.find(name)
  }

  type(value: string): ValueType | undefined {
    return typeOfFacts(this.find(value))
  }

  contents(value: string): SmallTensor | undefined {
    const found = this.find(value)
    return found?.kind === 'tensor' ? found.value : undefined
  }
}

export function inferModel(model: Model, options: InferOptions): InferredTypes {
  refuseDeepNesting(model)
  const inference = new Inference(model, options.freeDimensions ?? {})
  const graph = withInputShapes(model.graph, options.inputShapes ?? {})
  const main = inference.graph(graph, { opsets: model.opsets, depth: 0 })
  return {
    type: (value) => main.type(value),
    contents: (value) => main.contents(value),
    body: (graph) => inference.bodies.get(graph),
    unknownOps: [...inference.unknownOps.values()],
    conflicts: inference.conflicts,
  }
}

function withInputShapes(graph: Graph, shapes: Readonly<Record<string, Shape>>): Graph {
  const inputs = graph.inputs.map((info): ValueInfo => {
    const shape = Object.hasOwn(shapes, info.name) ? shapes[info.name] : undefined
    return shape && info.type?.kind === 'tensor' ? { ...info, type: { ...info.type, shape } } : info
  })
  return { ...graph, inputs }
}

/** Counts levels without recursion of its own, before anything recursive walks the graph. */
function refuseDeepNesting(model: Model): void {
  let level: readonly (readonly Node[])[] = [model.graph.nodes, ...model.functions.map(({ nodes }) => nodes)]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw new LabError('model/invalid', `The graph "${model.graph.name}" nests bodies more than ${MAX_DEPTH} deep.`, {
        expected: `at most ${MAX_DEPTH}`,
      })
    }
    level = level.flatMap((nodes) => nodes.flatMap((node) => subgraphs(node).map(({ graph }) => graph.nodes)))
  }
}

interface Place {
  readonly outer?: Scope
  readonly opsets: Opsets
  readonly depth: number
}

class Inference {
  readonly bodies = new Map<Graph, Scope>()
  readonly unknownOps = new Map<Node, UnknownOp>()
  readonly conflicts: TypeConflict[] = []
  readonly #functions: ReadonlyMap<string, ModelFunction>
  readonly #order = new Map<Graph, readonly Node[]>()
  readonly #free: Readonly<Record<string, number>>
  /** Before IR 4 every initializer had to be listed as an input, too, without being meant to be replaced. */
  readonly #inputsReplaceInitializers: boolean
  #visits = 0

  constructor(model: Model, free: Readonly<Record<string, number>>) {
    this.#free = free
    this.#inputsReplaceInitializers = model.irVersion >= IR_OF_BARE_INITIALIZERS
    this.#functions = new Map(model.functions.map((made) => [functionKey(made.domain, made.name, made.overload), made]))
  }

  /** `inputs` flow into the graph's inputs, in order (bodies); the main graph has only declarations. */
  graph(graph: Graph, place: Place, inputs: readonly (Facts | undefined)[] = []): Scope {
    const scope = new Scope(place.outer)
    const declared = new Map<string, ValueInfo>(graph.valueInfos)
    for (const info of graph.outputs) declared.set(info.name, info)
    graph.inputs.forEach((info, position) => {
      scope.set(info.name, this.#refine(inputs[position], info))
    })
    for (const [name, tensor] of graph.initializers) this.#seedInitializer(scope, name, tensor)
    for (const node of this.#sorted(graph)) this.#node(node, scope, place, declared)
    return scope
  }

  #sorted(graph: Graph): readonly Node[] {
    let nodes = this.#order.get(graph)
    if (!nodes) this.#order.set(graph, (nodes = sortTopologically(graph.nodes, graph)))
    return nodes
  }

  #seedInitializer(scope: Scope, name: string, tensor: Tensor): void {
    const isDefault = this.#inputsReplaceInitializers && scope.own(name) !== undefined
    if (!isDefault) scope.set(name, tensorFacts(tensor.dtype, tensor.dims, readSmallTensor(tensor)))
  }

  #node(node: Node, scope: Scope, place: Place, declared: ReadonlyMap<string, ValueInfo>): void {
    if (place.depth > 0) this.#visits++
    const results = this.#results(node, scope, place)
    node.outputs.forEach((name, position) => {
      if (name !== '') scope.set(name, this.#refine(results[position], declared.get(name), node))
    })
  }

  #results(node: Node, scope: Scope, place: Place): readonly (Facts | undefined)[] {
    if (this.#visits > MAX_VISITS || place.depth > MAX_DEPTH) return []
    const called = this.#functions.get(functionKey(node.domain, node.opType, node.overload ?? ''))
    if (called) return this.#call(called, node, scope, place)
    const weight = constantNodeTensor(node)
    if (weight) return [tensorFacts(weight.dtype, weight.dims, readSmallTensor(weight))]
    const rule = findRule(node.domain, node.opType)
    if (!rule) {
      const { opType, domain } = node
      if (!this.unknownOps.has(node)) this.unknownOps.set(node, { opType, domain, node: nodeLabel(node) })
      return []
    }
    try {
      return rule(this.#context(node, scope, place)).map(withSaneShape)
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'model/invalid') throw error
      this.#conflict({ node: nodeLabel(node), text: error.message })
      return []
    }
  }

  #context(node: Node, scope: Scope, place: Place): NodeContext {
    const facts = (input: number): Facts | undefined => {
      const name = node.inputs[input]
      return name ? scope.find(name) : undefined
    }
    const tensor = (input: number) => {
      const found = facts(input)
      return found?.kind === 'tensor' || found?.kind === 'sparse' ? found : undefined
    }
    return {
      node,
      opset: place.opsets.get(node.domain) ?? (node.domain === '' ? (place.opsets.get('ai.onnx') ?? 1) : 1),
      inputCount: node.inputs.length,
      has: (input) => (node.inputs[input] ?? '') !== '',
      facts,
      dtype: (input) => tensor(input)?.dtype,
      shape: (input) => tensor(input)?.shape,
      value: (input) => {
        const found = facts(input)
        return found?.kind === 'tensor' ? found.value : undefined
      },
      inferBody: (body, inputs) => {
        const inner = this.graph(body, { ...place, outer: scope, depth: place.depth + 1 }, inputs)
        this.bodies.set(body, inner)
        return body.outputs.map(({ name }) => inner.find(name))
      },
    }
  }

  #call(called: ModelFunction, node: Node, scope: Scope, place: Place): readonly (Facts | undefined)[] {
    const inner = new Scope()
    called.inputs.forEach((name, position) => {
      const given = node.inputs[position]
      inner.set(name, given ? scope.find(given) : undefined)
    })
    const nodes = called.nodes.map((inside) => resolveReferences(inside, node))
    const inside: Place = { opsets: called.opsets, depth: place.depth + 1 }
    for (const step of sortTopologically(nodes, { name: called.name })) this.#node(step, inner, inside, new Map())
    return called.outputs.map((name) => inner.find(name))
  }

  #refine(inferred: Facts | undefined, info: ValueInfo | undefined, node?: Node): Facts | undefined {
    const declared = info?.type && factsOfType(info.type, this.#free)
    const { facts, conflict } = refineFacts(inferred, declared)
    if (conflict && info) {
      const text = `"${info.name}" is declared as ${conflict.declared}, its operator gives ${conflict.inferred}.`
      this.#conflict(node ? { node: nodeLabel(node), text } : { text })
    }
    return facts
  }

  #conflict(conflict: TypeConflict): void {
    if (this.conflicts.length < MAX_CONFLICTS) this.conflicts.push(conflict)
  }
}

/** Attributes may be anything, so a rule's arithmetic may end up below zero, between whole numbers or beyond 2^53. */
function withSaneShape(facts: Facts | undefined): Facts | undefined {
  if (facts?.kind !== 'tensor' || !facts.shape) return facts
  if (facts.shape.length > MAX_RANK) return tensorFacts(facts.dtype, undefined)
  const isSane = facts.shape.every((dim) => typeof dim !== 'number' || sizeDim(dim) !== null)
  if (isSane) return facts
  return tensorFacts(
    facts.dtype,
    facts.shape.map((dim) => (typeof dim === 'number' ? sizeDim(dim) : dim)),
  )
}

const functionKey = (domain: string, name: string, overload: string): string => `${domain}\n${name}\n${overload}`

/** A function's node with the attributes that it takes from the call put in; those the call leaves out disappear. */
function resolveReferences(node: Node, call: Node): Node {
  const attributes = new Map<string, Attribute>()
  for (const [name, attribute] of node.attributes) {
    const resolved = attribute.kind === 'reference' ? call.attributes.get(attribute.value) : attribute
    if (resolved?.kind === 'graph') {
      const nodes = resolved.value.nodes.map((inside) => resolveReferences(inside, call))
      attributes.set(name, { ...resolved, value: { ...resolved.value, nodes } })
    } else if (resolved) attributes.set(name, resolved)
  }
  return { ...node, attributes }
}
