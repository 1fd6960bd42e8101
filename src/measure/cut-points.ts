// The places at which a graph can be cut in two, for a bisection. Nodes stand in an order in which each comes right before its first
// reader as far as that is possible, so that few values cross a cut and what belongs together (a weight and its DequantizeLinear) stays so.

import { valuesRead } from '../core/model/graph-index'
import type { TypeScope } from '../core/model/infer-shapes'
import type { Model } from '../core/model/model'
import { isOp, type Node } from '../core/model/node'

export interface CutPoints {
  /** The nodes that the targets need, without `Constant` nodes: they count as weights. */
  readonly steps: readonly Node[]
  /** Values that the first `position` steps make and that are read later, or are targets. `position`: 0…steps. */
  crossing(position: number): readonly string[]
  /** Whether all values that cross there are tensors, as far as is known. Sequences and optionals cannot be handed out. */
  canCut(position: number): boolean
}

/** `targets`: outputs of the model. */
export function findCutPoints(model: Model, types: TypeScope, targets: readonly string[]): CutPoints {
  const steps = orderByNeed(model.graph.nodes, targets)
  const madeAt = new Map<string, number>()
  const lastReadAt = new Map<string, number>(targets.map((name) => [name, steps.length]))
  steps.forEach((node, position) => {
    for (const name of node.outputs) if (name !== '') madeAt.set(name, position)
    for (const name of valuesRead(node)) lastReadAt.set(name, Math.max(lastReadAt.get(name) ?? 0, position))
  })
  const values = [...madeAt].map(([name, made]) => ({ name, made, lastRead: lastReadAt.get(name) ?? -1 }))
  const crossing = (position: number): string[] =>
    values.filter(({ made, lastRead }) => made < position && lastRead >= position).map(({ name }) => name)
  const closed = new Set<number>()
  for (const { name, made, lastRead } of values) {
    if ((types.type(name)?.kind ?? 'tensor') === 'tensor') continue
    for (let position = made + 1; position <= lastRead; position++) closed.add(position)
  }
  return { steps, crossing, canCut: (position) => !closed.has(position) }
}

/** Depth first from the targets: all that a node needs, in the order of its inputs, then the node. */
function orderByNeed(nodes: readonly Node[], targets: readonly string[]): Node[] {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output): [string, Node] => [output, node])))
  const ordered: Node[] = []
  const seen = new Set<Node>()
  const waiting: { readonly node: Node; readonly needs: string[] }[] = []
  const visit = (value: string): void => {
    const node = producers.get(value)
    if (!node || seen.has(node) || isOp(node, 'Constant')) return
    seen.add(node)
    waiting.push({ node, needs: [...valuesRead(node)].reverse() })
  }
  for (const target of targets) {
    visit(target)
    for (let top = waiting.at(-1); top; top = waiting.at(-1)) {
      const next = top.needs.pop()
      if (next !== undefined) visit(next)
      else {
        ordered.push(top.node)
        waiting.pop()
      }
    }
  }
  return ordered
}
