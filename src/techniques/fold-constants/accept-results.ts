// Decides which computed results are worth storing: a result may take the place of the constants that nothing else reads any more, plus the
// growth allowed. Each byte set free is spent once, however many results are made of it.

import type { GraphDraft } from '../../core/model/graph-draft'
import type { Node } from '../../core/model/node'
import { tensorSizeBytes, type Tensor } from '../../core/model/tensor'
import type { ConstantNode, ConstantPart } from './constant-nodes'

export interface Accepted {
  readonly nodes: readonly Node[]
  /** Why the others stay. */
  readonly rejected: ReadonlyMap<Node, string>
}

export function acceptResults(
  draft: GraphDraft,
  part: ConstantPart,
  results: ReadonlyMap<string, Tensor>,
  allowedBytes: number,
): Accepted {
  const rejected = new Map<Node, string>()
  let candidates = part.nodes.filter(({ node }) => node.outputs.some((name) => results.has(name)))
  // A rejection keeps constants in use that others counted on, so the rest is weighed again until nothing changes.
  for (;;) {
    const refused = weigh(draft, part, candidates, { results, allowedBytes })
    if (refused.size === 0) return { nodes: candidates.map(({ node }) => node), rejected: inOrder(part, rejected) }
    for (const [node, reason] of refused) rejected.set(node, reason)
    candidates = candidates.filter(({ node }) => !refused.has(node))
  }
}

const inOrder = ({ nodes }: ConstantPart, reasons: ReadonlyMap<Node, string>): ReadonlyMap<Node, string> =>
  new Map(
    nodes.flatMap(({ node }): [Node, string][] => {
      const reason = reasons.get(node)
      return reason === undefined ? [] : [[node, reason]]
    }),
  )

interface Weighing {
  readonly results: ReadonlyMap<string, Tensor>
  readonly allowedBytes: number
}

/** Backwards: whether a result must be stored depends on whether its readers are folded. */
function weigh(
  draft: GraphDraft,
  part: ConstantPart,
  candidates: readonly ConstantNode[],
  { results, allowedBytes }: Weighing,
): ReadonlyMap<Node, string> {
  const folded = new Set(candidates.map(({ node }) => node))
  const credit = freedBytes(draft, part, folded)
  const refused = new Map<Node, string>()
  for (const { node, sources } of candidates.toReversed()) {
    const resultBytes = node.outputs
      .filter((name) => isStored(draft, name, folded))
      .reduce((sum, name) => sum + sizeOf(results.get(name)), 0)
    const freed = [...sources].reduce((sum, name) => sum + (credit.get(name) ?? 0), 0)
    if (resultBytes > freed + allowedBytes) {
      folded.delete(node)
      refused.set(node, `its result takes ${resultBytes} bytes and would set ${freed} free`)
    } else spend(credit, sources, resultBytes)
  }
  return refused
}

const sizeOf = (tensor: Tensor | undefined): number => (tensor ? tensorSizeBytes(tensor) : 0)

const isStored = ({ index }: GraphDraft, value: string, folded: ReadonlySet<Node>): boolean =>
  index.isOutput(value) || index.consumers(value).some((reader) => !folded.has(reader))

/** Constants of this graph that only folded operators read. */
function freedBytes(draft: GraphDraft, part: ConstantPart, folded: ReadonlySet<Node>): Map<string, number> {
  const { index, initializers } = draft
  const isOwn = (name: string): boolean => initializers.has(name) || index.producer(name) !== undefined
  const freed = [...part.constants].filter(([name]) => isOwn(name) && !isStored(draft, name, folded))
  return new Map(freed.map(([name, tensor]) => [name, tensorSizeBytes(tensor)]))
}

function spend(credit: Map<string, number>, sources: ReadonlySet<string>, bytes: number): void {
  let left = bytes
  for (const name of sources) {
    const spent = Math.min(left, credit.get(name) ?? 0)
    if (spent > 0) credit.set(name, (credit.get(name) ?? 0) - spent)
    left -= spent
  }
}
