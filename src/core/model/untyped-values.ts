// Values whose element type inference cannot tell: a technique that looks for float values would pass them over without a word, so it
// should say so. Bodies of `If`, `Loop` and `Scan` are looked into, function bodies are not: their types depend on the call.

import type { Graph } from './graph'
import { inferShapes, type InferredTypes, type TypeScope } from './infer-shapes'
import type { Model } from './model'
import { nodeLabel, subgraphs } from './node'

export interface UntypedValue {
  readonly value: string
  /** `nodeLabel` of the node that makes it; absent for an input. */
  readonly node?: string
  readonly opType?: string
  /** `''` is ai.onnx. */
  readonly domain?: string
}

/** Inputs and results of nodes of unknown type, in graph order. `types`: of the same model, if they are at hand. */
export function untypedValues(model: Model, types: InferredTypes = inferShapes(model)): readonly UntypedValue[] {
  return untypedIn(model.graph, types, types)
}

function untypedIn(graph: Graph, scope: TypeScope | undefined, types: InferredTypes): readonly UntypedValue[] {
  const isUntyped = (name: string): boolean => name !== '' && scope?.type(name) === undefined
  const inputs = graph.inputs.filter(({ name }) => isUntyped(name)).map(({ name }) => ({ value: name }))
  const made = graph.nodes.flatMap((node): readonly UntypedValue[] => {
    const { opType, domain } = node
    const outputs = node.outputs.filter(isUntyped).map((value) => ({ value, node: nodeLabel(node), opType, domain }))
    return [...outputs, ...subgraphs(node).flatMap((body) => untypedIn(body.graph, types.body(body.graph), types))]
  })
  return [...inputs, ...made]
}
