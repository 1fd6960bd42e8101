// Where along the network exactness is lost: the first activation that is much worse than everything it was made from.

import type { Graph } from '../core/model/graph'
import { indexGraph } from '../core/model/graph-index'
import type { ActivationError } from './activation-errors'

/** A tensor below this is broken, if it lost as much at once: a tenth of the signal is noise. */
const BROKEN_DB = 20
const DROP_DB = 6

/** `activations` in the order of the network. */
export function firstBroken(activations: readonly ActivationError[], graph: Graph): string | null {
  const index = indexGraph(graph)
  const known = new Map(activations.map(({ name, accumulatedDb }) => [name, accumulatedDb]))
  const broken = activations.find(({ name, accumulatedDb }) => {
    const inputs = (index.producer(name)?.inputs ?? []).flatMap((input) => known.get(input) ?? [])
    const worst = Math.min(...inputs)
    return !(accumulatedDb >= BROKEN_DB) && !(worst - accumulatedDb < DROP_DB)
  })
  return broken?.name ?? null
}
