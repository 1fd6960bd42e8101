// Makes readers of a copied constant read the constant itself, so that it counts as the weight that it is.

import { GraphDraft } from '../../core/model/graph-draft'
import type { Model } from '../../core/model/model'
import { isOp } from '../../core/model/node'

/** The model without Identity nodes behind constants, apart from those that make graph outputs. */
export function resolveAliases(model: Model): Model {
  const draft = new GraphDraft(model.graph)
  const { index } = draft
  const originals = new Map<string, string>()
  for (const node of model.graph.nodes) {
    const [input = ''] = node.inputs
    const [output = ''] = node.outputs
    if (!isOp(node, 'Identity') || index.isOutput(output)) continue
    const original = originals.get(input) ?? input
    if (index.constant(original)) originals.set(output, original)
  }
  if (originals.size === 0) return model
  draft.mapNodes((node) => (originals.has(node.outputs[0] ?? '') ? undefined : node))
  draft.redirectAll(originals)
  return { ...model, graph: draft.finish() }
}
