// The policy of `onnxruntime.quantization` 1.30 (QDQ): every node that passes the filter marks its tensors once, in graph order, by the
// rules of its operator (reference-operators.table.ts). Where that toolkit is wrong, this is not; the README lists the differences.

import type { Graph } from '../../core/model/graph'
import type { TypeScope } from '../../core/model/infer-shapes'
import { isOp, nodeLabel, type Node } from '../../core/model/node'
import { sortTopologically } from '../../core/model/topological-sort'
import { nodeFilter } from './node-filter'
import type { StaticPlan } from './plan'
import { PlanDraft } from './plan-draft'
import { markByOperator, REFERENCE_OPERATORS } from './reference-operators.table'
import { ReferenceMarks } from './reference-marks'
import { readsOf } from './removable'
import type { StaticOptions } from './spec'

export function planReference(graph: Graph, types: TypeScope, options: StaticOptions): StaticPlan {
  const draft = new PlanDraft(graph, types, options)
  const marks = new ReferenceMarks(draft, options)
  const nodes = sortTopologically(graph.nodes, graph)
  const chosen = nodes.filter(nodeFilter(options, REFERENCE_OPERATORS))
  adjustRanges(chosen, draft)
  for (const node of chosen) {
    noteUnknownTypes(node, draft, types)
    markByOperator(node, marks)
    if (!draft.absorbed.has(node) && isTouched(node, draft)) draft.quantized.add(node)
  }
  draft.noteBodies(nodes)
  draft.shareConstants(nodes)
  return draft.finish(new Set(nodes))
}

/** The integers before a Relu or Clip that is their only reader have its range; a Softmax gives 0…1. In graph order, as in the reference. */
function adjustRanges(chosen: readonly Node[], draft: PlanDraft): void {
  const { ranges, index } = draft
  for (const node of chosen) {
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]]
    if (!draft.isFloat(output)) continue
    if (isOp(node, 'Softmax')) ranges.set(output, [0, 1])
    const isBound = isOp(node, 'Relu') || isOp(node, 'Clip')
    if (isBound && draft.isFloat(input) && !index.constant(input) && readsOf(input, index) === 1) {
      ranges.set(input, ranges.get(output) ?? output)
    }
  }
}

const isTouched = ({ inputs, outputs }: Node, draft: PlanDraft): boolean =>
  [...inputs, ...outputs].some((name) => draft.activations.has(name) || draft.hasConstant(name))

function noteUnknownTypes(node: Node, draft: PlanDraft, types: TypeScope): void {
  const unknown = [...node.inputs, ...node.outputs].find(
    (name) => name !== '' && !types.type(name) && !draft.index.constant(name),
  )
  if (unknown === undefined) return
  const subject = nodeLabel(node)
  const text = `"${unknown}" of ${node.opType} "${subject}" stays in float: its type is not known.`
  draft.notes.push({ kind: 'skipped', subject, text })
}
