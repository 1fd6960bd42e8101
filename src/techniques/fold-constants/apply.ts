// Computes the constant parts of a graph ahead of time and drops operators that do nothing, in the main graph and in the bodies of If, Loop
// and Scan, round after round until nothing is left to do. The engine computes; this file decides what.

import { removeDeadNodes } from '../../core/model/dead-nodes'
import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset, type Model } from '../../core/model/model'
import { attributes, nodeLabel, type Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import type { OptionsOf } from '../../core/options/spec'
import { acceptResults } from './accept-results'
import { findConstantPart } from './constant-nodes'
import { evaluate } from './evaluate'
import { knownIntegers } from './known-integers'
import { removeNoOps } from './no-ops'
import type { spec } from './spec'

type Options = OptionsOf<typeof spec.options>
const BYTES_PER_KB = 1000

/** What happened over all rounds. */
interface Log {
  readonly computed: Node[]
  readonly dropped: Node[]
  /** Of the last round, which found nothing more to do: by label, the reason. */
  readonly kept: Map<string, string>
}

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const log: Log = { computed: [], dropped: [], kept: new Map() }
  let result = model
  // Each round removes a node or stops, so there is an end.
  for (let round = 0; ; round++) {
    context.progress(1 - 2 ** -round, `round ${round + 1}`)
    const next = await foldOnce(result, options, context, log)
    if (next === result) break
    result = next
  }
  context.progress(1, 'done')
  return { model: result, notes: notesOf(log) }
}

function foldOnce(model: Model, options: Options, context: PassContext, log: Log): Promise<Model> {
  const opset = onnxOpset(model)
  log.kept.clear()
  return mapGraphs(model, inferShapes(model), async (graph) => {
    await context.checkpoint()
    const dropped = options.removeNoOps ? [...removeNoOps(graph, opset), ...removeDeadNodes(graph.draft)] : []
    const sizes = options.foldShapes ? placeKnownIntegers(graph) : []
    const computed = await foldConstantPart(graph, model, options, context, log)
    log.dropped.push(...dropped)
    log.computed.push(...sizes, ...computed)
    return dropped.length + sizes.length + computed.length > 0
  })
}

function placeKnownIntegers(graph: GraphEdit): readonly Node[] {
  const found = graph.draft.nodes.flatMap((node): [Node, readonly Tensor[]][] => {
    const values = knownIntegers(node, graph)
    return values ? [[node, values]] : []
  })
  placeResults(graph, new Map(found))
  return found.map(([node]) => node)
}

async function foldConstantPart(
  graph: GraphEdit,
  model: Model,
  options: Options,
  context: PassContext,
  log: Log,
): Promise<readonly Node[]> {
  const allowedBytes = options.maxGrowthKb * BYTES_PER_KB
  const part = findConstantPart(graph, (node, sourceBytes, resultBytes) => {
    const isTooLarge = resultBytes !== undefined && resultBytes > sourceBytes + allowedBytes
    if (isTooLarge) {
      const reason = `its result would take ${resultBytes} bytes, what it is made of takes ${sourceBytes}`
      log.kept.set(nodeLabel(node), reason)
    }
    return isTooLarge
  })
  if (part.nodes.length === 0) return []
  const { results, failures } = await evaluate(part, model, context)
  const { nodes, rejected } = acceptResults(graph.draft, part, results, allowedBytes)
  for (const [node, message] of failures) log.kept.set(nodeLabel(node), `the engine could not compute it: ${message}`)
  for (const [node, reason] of rejected) log.kept.set(nodeLabel(node), reason)
  placeResults(graph, new Map(nodes.map((node) => [node, node.outputs.flatMap((name) => results.get(name) ?? [])])))
  return nodes
}

/** Puts constants in the place of nodes: weights, or `Constant` nodes where the value is an output of the graph. */
function placeResults({ original, draft }: GraphEdit, results: ReadonlyMap<Node, readonly Tensor[]>): void {
  const outputs = new Set(original.outputs.map(({ name }) => name))
  draft.mapNodes((node) => (results.has(node) ? undefined : node))
  for (const [node, values] of results) {
    for (const value of values) {
      if (outputs.has(value.name)) draft.addNode({ ...constantNode(value), name: node.name })
      else draft.setInitializer(value)
    }
  }
}

const constantNode = (value: Tensor) => ({
  opType: 'Constant',
  inputs: [],
  outputs: [value.name],
  attributes: attributes({ value: { kind: 'tensor', value } }),
})

function notesOf({ computed, dropped, kept }: Log): readonly Note[] {
  const notes: Note[] = []
  if (computed.length > 0) notes.push({ kind: 'changed', text: `Computed ahead of time: ${countByType(computed)}.` })
  if (dropped.length > 0) notes.push({ kind: 'changed', text: `Dropped: ${countByType(dropped)}.` })
  for (const [subject, reason] of kept) notes.push({ kind: 'skipped', subject, text: `Stays an operator: ${reason}.` })
  return notes
}

/** `12 Shape, 3 Gather`, in order of first appearance. */
function countByType(nodes: readonly Node[]): string {
  const counts = new Map<string, number>()
  for (const { opType } of nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1)
  return [...counts].map(([opType, count]) => `${count} ${opType}`).join(', ')
}
