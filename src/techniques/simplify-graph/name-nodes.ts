// Gives operators a name of their own, so that a person can name them: those without one go by their first result, as messages call them.

import type { GraphDraft } from '../../core/model/graph-draft'

/** Returns how many got a name: unnamed ones, and all but the first of those with the same name in this graph. */
export function nameNodes(draft: GraphDraft): number {
  const all = new Set(draft.nodes.map(({ name }) => name))
  const taken = new Set<string>()
  let count = 0
  draft.mapNodes((node) => {
    if (node.name !== '' && !taken.has(node.name)) {
      taken.add(node.name)
      return node
    }
    const base = node.name || node.outputs.find((name) => name !== '') || node.opType
    let name = base
    for (let suffix = 1; all.has(name); suffix++) name = `${base}_${suffix}`
    all.add(name)
    taken.add(name)
    count++
    return { ...node, name }
  })
  return count
}
