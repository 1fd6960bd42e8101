// Finds operators that no output of their graph depends on, and takes them out of a draft. Weights that become unused go in `finish`.

import type { GraphDraft } from './graph-draft'
import { valuesRead } from './graph-index'
import type { Node } from './node'

/** Removes nodes none of whose outputs reach an output of the graph, and returns them. */
export function removeDeadNodes(draft: GraphDraft): readonly Node[] {
  const { index, nodes } = draft
  const live = new Set<Node>()
  const pending = nodes.filter((node) => node.outputs.some((name) => index.isOutput(name)))
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (live.has(node)) continue
    live.add(node)
    for (const name of valuesRead(node)) {
      const producer = index.producer(name)
      if (producer) pending.push(producer)
    }
  }
  const dead = nodes.filter((node) => !live.has(node))
  if (dead.length > 0) draft.mapNodes((node) => (live.has(node) ? node : undefined))
  return dead
}
