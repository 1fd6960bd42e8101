// `Constant` operators become weights, which every other step (and every quantizer) looks for first.

import type { GraphDraft } from '../../core/model/graph-draft'
import { constantNodeTensor } from '../../core/model/graph-index'
import type { Tensor } from '../../core/model/tensor'

/** Returns how many. Those that are outputs of the graph stay: their name must be made by an operator. */
export function storeConstants(draft: GraphDraft): number {
  const stored: Tensor[] = []
  const { index } = draft
  draft.mapNodes((node) => {
    const tensor = index.isOutput(node.outputs[0] ?? '') ? undefined : constantNodeTensor(node)
    if (!tensor) return node
    stored.push(tensor)
    return undefined
  })
  draft.setInitializers(stored)
  return stored.length
}
