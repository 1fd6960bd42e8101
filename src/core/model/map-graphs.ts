// Edits every graph of a model, bodies of `If`, `Loop` and `Scan` included. Inner graphs come first; an edit sees the constants and names
// of the graphs around it as they were before. Function bodies are left alone: their attributes and types depend on the call.

import type { Graph } from './graph'
import { GraphDraft } from './graph-draft'
import { indexGraph } from './graph-index'
import type { TypeScope, InferredTypes } from './infer-shapes'
import type { Model } from './model'
import { isOp, subgraphs, type Attribute, type Node } from './node'
import type { Tensor } from './tensor'

/** One graph under change, with what is visible in it. */
export interface GraphEdit extends TypeScope {
  /** The graph as it was before this edit and those of its bodies: found by identity. */
  readonly original: Graph
  readonly draft: GraphDraft
  /** The graph stands in an attribute of a node of another. */
  readonly isBody: boolean
  /** The weight behind a name, of this graph or one around it; looks through `Identity`. */
  constant(value: string): Tensor | undefined
  /** A new name that no graph around this one uses either. */
  freshName(base: string): string
}

/** What a body sees from outside. */
interface Outside {
  constant(value: string): Tensor | undefined
  has(name: string): boolean
}

const NOTHING: Outside = { constant: () => undefined, has: () => false }

/** `edit` returns whether it changed anything; a graph that no edit changed stays the very same object. */
export async function mapGraphs(
  model: Model,
  types: Pick<InferredTypes, 'type' | 'contents' | 'body'>,
  edit: (graph: GraphEdit) => Promise<boolean>,
): Promise<Model> {
  const visit = async (graph: Graph, scope: TypeScope, outside: Outside): Promise<Graph> => {
    const inside = insideOf(graph, outside)
    const withBodies = await mapBodies(graph, (body) => visit(body, types.body(body) ?? UNKNOWN, inside))
    const draft = new GraphDraft(withBodies)
    const changed = await edit({
      original: graph,
      draft,
      isBody: outside !== NOTHING,
      type: (value) => scope.type(value),
      contents: (value) => scope.contents?.(value),
      constant: (value) => constantIn(draft, value, outside),
      freshName: (base) => {
        let name = draft.freshName(base)
        while (outside.has(name)) name = draft.freshName(base)
        return name
      },
    })
    return changed ? draft.finish() : withBodies
  }
  const graph = await visit(model.graph, types, NOTHING)
  return graph === model.graph ? model : { ...model, graph }
}

const UNKNOWN: TypeScope = { type: () => undefined }

/** The graph with every body replaced; the same object when no body changed. */
async function mapBodies(graph: Graph, map: (body: Graph) => Promise<Graph>): Promise<Graph> {
  let changed = false
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    if (subgraphs(node).length === 0) {
      nodes.push(node)
      continue
    }
    const attributes = new Map<string, Attribute>()
    for (const [name, attribute] of node.attributes) attributes.set(name, await mapAttribute(attribute, map))
    const same = [...attributes].every(([name, attribute]) => attribute === node.attributes.get(name))
    changed ||= !same
    nodes.push(same ? node : { ...node, attributes })
  }
  return changed ? { ...graph, nodes } : graph
}

async function mapAttribute(attribute: Attribute, map: (body: Graph) => Promise<Graph>): Promise<Attribute> {
  if (attribute.kind === 'graph') {
    const value = await map(attribute.value)
    return value === attribute.value ? attribute : { ...attribute, value }
  }
  if (attribute.kind !== 'graphs') return attribute
  const value: Graph[] = []
  for (const body of attribute.value) value.push(await map(body))
  return value.every((body, i) => body === attribute.value[i]) ? attribute : { ...attribute, value }
}

function insideOf(graph: Graph, outside: Outside): Outside {
  const index = indexGraph(graph)
  const own = (name: string): boolean =>
    index.isInput(name) || graph.initializers.has(name) || index.producer(name) !== undefined
  return {
    constant: (value) => (own(value) ? index.constant(value) : outside.constant(value)),
    has: (name) => own(name) || outside.has(name),
  }
}

function constantIn(draft: GraphDraft, value: string, outside: Outside): Tensor | undefined {
  const { index } = draft
  const producer = index.producer(value)
  if (producer && isOp(producer, 'Identity')) return constantIn(draft, producer.inputs[0] ?? '', outside)
  if (producer || index.isInput(value) || draft.initializers.has(value)) return index.constant(value)
  return outside.constant(value)
}
