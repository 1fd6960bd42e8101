// What a model carries along unused: optional results that nobody reads, functions that nobody calls, opsets of domains without operators.

import type { GraphDraft } from '../../core/model/graph-draft'
import type { Graph } from '../../core/model/graph'
import type { Model, ModelFunction } from '../../core/model/model'
import { subgraphs, type Node } from '../../core/model/node'

/** Operators of ONNX whose results after the first may be left out, in the opsets where they have them. */
const OPTIONAL_TAIL: ReadonlySet<string> = new Set([
  'Attention',
  'Dropout',
  'GRU',
  'LSTM',
  'LayerNormalization',
  'MaxPool',
  'RNN',
  'Unique',
])

/** Leaves out the last results of operators where they are optional and nothing reads them; returns whether there were any. */
export function dropUnusedOutputs(draft: GraphDraft): boolean {
  const { index } = draft
  const isUsed = (name: string): boolean => name !== '' && (index.isOutput(name) || index.consumers(name).length > 0)
  let changed = false
  draft.mapNodes((node) => {
    if (node.domain !== '' || !OPTIONAL_TAIL.has(node.opType)) return node
    const count = Math.max(1, node.outputs.findLastIndex(isUsed) + 1)
    if (count === node.outputs.length) return node
    changed = true
    return { ...node, outputs: node.outputs.slice(0, count) }
  })
  return changed
}

/** The model without functions that nothing calls and without opsets that nothing is written for; the same object if there are none. */
export function withoutUnusedParts(model: Model): Model {
  const functions = calledFunctions(model)
  const used = new Set(['', ...domainsOf([...nodesIn(model.graph), ...functions.flatMap(({ nodes }) => nodes)])])
  const opsets = new Map([...model.opsets].filter(([domain]) => used.has(domain)))
  const isSame = functions.length === model.functions.length && opsets.size === model.opsets.size
  return isSame ? model : { ...model, functions, opsets: opsets.size > 0 ? opsets : model.opsets }
}

function calledFunctions({ graph, functions }: Model): readonly ModelFunction[] {
  const called = new Set<ModelFunction>()
  const pending = [...nodesIn(graph)]
  for (let node = pending.pop(); node; node = pending.pop()) {
    const { domain, opType, overload = '' } = node
    const target = functions.find((one) => one.domain === domain && one.name === opType && one.overload === overload)
    if (!target || called.has(target)) continue
    called.add(target)
    pending.push(...target.nodes.flatMap(withInner))
  }
  return functions.filter((one) => called.has(one))
}

const domainsOf = (nodes: readonly Node[]): readonly string[] => nodes.flatMap(withInner).map(({ domain }) => domain)

const nodesIn = (graph: Graph): readonly Node[] => graph.nodes.flatMap(withInner)

const withInner = (node: Node): readonly Node[] => [node, ...subgraphs(node).flatMap(({ graph }) => nodesIn(graph))]
