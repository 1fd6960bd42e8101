// Orders nodes so that every value is made before it is read (Kahn 1962), stable: nodes keep their order where they may.
// ONNX asks for this order; engines accept others, the ONNX checker does not.

import { LabError } from '../errors/lab-error'
import type { Graph } from './graph'
import { valuesRead } from './graph-index'
import { nodeLabel, type Node } from './node'

/** Throws `model/invalid`, naming a node on the cycle, when there is no such order. Values from outside count as made. */
export function sortTopologically(nodes: readonly Node[], graph: Pick<Graph, 'name'>): Node[] {
  const madeBy = new Map<string, number>()
  nodes.forEach((node, position) => node.outputs.forEach((output) => output && madeBy.set(output, position)))
  const readers: number[][] = nodes.map(() => [])
  const waitingFor = nodes.map((node, position) => {
    const makers = new Set<number>()
    for (const name of valuesRead(node)) {
      const maker = madeBy.get(name)
      if (maker !== undefined) makers.add(maker)
    }
    for (const maker of makers) readers[maker]?.push(position)
    return makers.size
  })

  const sorted: Node[] = []
  const ready = new PositionHeap()
  waitingFor.forEach((count, position) => count === 0 && ready.push(position))
  for (let position = ready.pop(); position !== undefined; position = ready.pop()) {
    sorted.push(nodes[position] as Node)
    for (const reader of readers[position] ?? []) if (--(waitingFor[reader] as number) === 0) ready.push(reader)
  }
  if (sorted.length < nodes.length) {
    const stuck = nodes[waitingFor.findIndex((count) => count > 0)] as Node
    throw new LabError('model/invalid', `The graph "${graph.name}" has a cycle through ${nodeLabel(stuck)}.`, {
      node: nodeLabel(stuck),
    })
  }
  return sorted
}

/** A binary min-heap of positions: the earliest ready node comes first, which keeps the sort stable. */
class PositionHeap {
  readonly #items: number[] = []

  push(item: number): void {
    const items = this.#items
    let hole = items.push(item) - 1
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if ((items[parent] as number) <= item) break
      items[hole] = items[parent] as number
      hole = parent
    }
    items[hole] = item
  }

  pop(): number | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return top
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= items.length) break
      if (child + 1 < items.length && (items[child + 1] as number) < (items[child] as number)) child++
      if ((items[child] as number) >= last) break
      items[hole] = items[child] as number
      hole = child
    }
    items[hole] = last
    return top
  }
}
