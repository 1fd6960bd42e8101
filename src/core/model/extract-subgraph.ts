// Cuts a model: the part of its main graph that makes some values from others, as a model of its own that runs alone. Weights are
// taken by reference. Bodies of `If`, `Loop` and `Scan` keep what they capture; functions, versions and metadata stay as they are.

import { LabError } from '../errors/lab-error'
import type { Graph } from './graph'
import { valuesRead } from './graph-index'
import type { TypeScope } from './inferred-types'
import type { Model } from './model'
import type { Node } from './node'
import type { ValueInfo } from './shape'

export interface SubgraphRequest {
  /** Values that become inputs where they are needed; what makes them is left out. */
  readonly from?: readonly string[]
  /** Values that become the outputs, in this order: outputs of nodes that `from` does not hold. */
  readonly to: readonly string[]
  /** Types for the values in `from` and `to`; where it knows none, the new input or output has none either. */
  readonly types: TypeScope
}

/** Throws `model/invalid` when no node makes a value of `to`. Inputs of the model stay inputs where they are needed. */
export function extractSubgraph(model: Model, { from = [], to, types }: SubgraphRequest): Model {
  const { graph } = model
  const cut = new Set(from)
  const { nodes: needed, read } = ancestors(graph, to, cut)
  const nodes = needed.map((node) => withoutOutputs(node, cut))
  const made = new Set(nodes.flatMap(({ outputs }) => outputs))
  const missing = to.find((name) => !made.has(name))
  if (missing !== undefined) {
    const message = `No node of "${graph.name}" makes "${missing}" from what was given, so the graph cannot be cut there.`
    throw new LabError('model/invalid', message, { tensor: missing })
  }
  const ends = new Set(to)
  const typed = (name: string): ValueInfo => ({ name, type: types.type(name) })
  return {
    ...model,
    graph: {
      ...graph,
      nodes,
      inputs: [
        ...graph.inputs.filter(({ name }) => read.has(name) && !cut.has(name)),
        ...[...cut].filter((name) => read.has(name)).map(typed),
      ],
      outputs: to.map((name) => graph.outputs.find((output) => output.name === name) ?? typed(name)),
      initializers: new Map([...graph.initializers].filter(([name]) => read.has(name) && !cut.has(name))),
      valueInfos: new Map(
        [...graph.valueInfos].filter(([name]) => made.has(name) && !ends.has(name) && !cut.has(name)),
      ),
    },
  }
}

/** The nodes that `to` needs, in graph order, and all that they read. */
function ancestors(graph: Graph, to: readonly string[], cut: ReadonlySet<string>) {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output): [string, Node] => [output, node])))
  const needed = new Set<Node>()
  const read = new Set<string>()
  const open = [...to]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = cut.has(name) ? undefined : producers.get(name)
    if (!node || needed.has(node)) continue
    needed.add(node)
    for (const value of valuesRead(node)) {
      if (!read.has(value)) open.push(value)
      read.add(value)
    }
  }
  return { nodes: graph.nodes.filter((node) => needed.has(node)), read }
}

/** A node that is needed for one output while another is given from outside makes that one under a name that nobody reads. */
function withoutOutputs(node: Node, cut: ReadonlySet<string>): Node {
  if (!node.outputs.some((name) => cut.has(name))) return node
  return { ...node, outputs: node.outputs.map((name) => (cut.has(name) ? `${name}/not-read` : name)) }
}
