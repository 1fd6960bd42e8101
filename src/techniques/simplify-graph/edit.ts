// What a fusion asks for, and how the wishes of one sweep over a graph are granted together: none touches a node that another touches, so
// the order does not matter and the graph is indexed once.

import type { GraphEdit } from '../../core/model/map-graphs'
import { isOp, type Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'

export interface Edit {
  /** How notes call it: `MatMul + Add → Gemm`. */
  readonly label: string
  /** Nodes of the graph, each with what takes its place; undefined where it goes. */
  readonly put: ReadonlyMap<Node, Node | undefined>
  /** Readers of the first value read the second instead, which is the same. */
  readonly reads?: readonly [from: string, to: string]
  readonly weights?: readonly Tensor[]
}

/** Answers undefined where the node is not what it looks for. `opset`: of ai.onnx. */
export type Fusion = (node: Node, graph: GraphEdit, opset: number) => Edit | undefined

/** The node that makes `value`, if it is of one of the types and nobody else reads any output of it: it can be absorbed. */
export function absorbable({ draft }: GraphEdit, value: string, ...opTypes: readonly string[]): Node | undefined {
  const node = draft.index.producer(value)
  if (!node || !opTypes.some((opType) => isOp(node, opType))) return undefined
  const isFree = node.outputs.every(
    (name) =>
      name === '' || (!draft.index.isOutput(name) && draft.index.consumers(name).length === (name === value ? 1 : 0)),
  )
  const [reader] = draft.index.consumers(value)
  return isFree && reader?.inputs.filter((name) => name === value).length === 1 ? node : undefined
}

/** One node instead of two in a row. */
export const fused = (label: string, first: Node, second: Node, made: Node, weights: readonly Tensor[] = []): Edit => ({
  label,
  put: new Map([
    [first, undefined],
    [second, made],
  ]),
  weights,
})

/**
 * Takes out nodes whose last result `to` is the value `from`. Where `to` is an output of the graph, the producer of `from` makes it under
 * that name; undefined where it cannot, because `from` has a name that must stay.
 */
export function bypassed(
  { draft }: GraphEdit,
  label: string,
  gone: readonly Node[],
  [to, from]: readonly [to: string, from: string],
): Edit | undefined {
  const put = new Map<Node, Node | undefined>(gone.map((node) => [node, undefined]))
  if (!draft.index.isOutput(to)) return { label, put, reads: [to, from] }
  const producer = draft.index.producer(from)
  if (!producer || draft.index.isOutput(from)) return undefined
  const outputs = producer.outputs.map((name) => (name === from ? to : name))
  return { label, put: new Map([...put, [producer, { ...producer, outputs }]]), reads: [from, to] }
}

/** Applies what fits together of what the fusions find; the rest is found again in the next sweep. Returns the edits made. */
export function sweep(graph: GraphEdit, fusions: readonly Fusion[], opset: number): readonly Edit[] {
  const touched = new Set<Node>()
  const edits: Edit[] = []
  for (const node of graph.draft.nodes) {
    if (touched.has(node)) continue
    for (const fusion of fusions) {
      const edit = fusion(node, graph, opset)
      if (!edit || [...edit.put.keys()].some((one) => touched.has(one))) continue
      edits.push(edit)
      for (const one of edit.put.keys()) touched.add(one)
      break
    }
  }
  if (edits.length > 0) grant(graph, edits)
  return edits
}

function grant({ draft }: GraphEdit, edits: readonly Edit[]): void {
  const put = new Map(edits.flatMap((edit) => [...edit.put]))
  draft.mapNodes((node) => (put.has(node) ? put.get(node) : node))
  draft.redirectAll(withoutChains(new Map(edits.flatMap(({ reads }) => (reads ? [reads] : [])))))
  for (const weight of edits.flatMap(({ weights = [] }) => weights)) draft.setInitializer(weight)
}

/** `a → b, b → c` as `a → c, b → c`. */
export function withoutChains(renames: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const end = (name: string): string => {
    let last = name
    for (let next = renames.get(last); next !== undefined; next = renames.get(last)) last = next
    return last
  }
  return new Map([...renames].map(([from, to]) => [from, end(to)]))
}
