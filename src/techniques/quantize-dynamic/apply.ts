// Computes MatMul, Gemm, Conv and embedding lookups in 8-bit integers. Weights are quantized here, activations while the model runs
// (DynamicQuantizeLinear), so no data is needed. Read plan.ts for which nodes are taken, integer-nodes.ts for what they become.

import type { Graph } from '../../core/model/graph'
import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs } from '../../core/model/map-graphs'
import { nodeLabel, subgraphs } from '../../core/model/node'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { Apply, Note } from '../../core/pass/technique'
import { IntegerNodes } from './integer-nodes'
import { planDynamic, type PlannedNode } from './plan'
import { spec } from './spec'

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const notes: Note[] = []
  const raised = raiseOpset(model, spec.needs.opset)
  const total = Math.max(countNodes(raised.graph), 1)
  let done = 0
  let changed = false
  const quantized = await mapGraphs(raised, inferShapes(raised), async (edit) => {
    const plan = planDynamic(edit.draft.nodes, (value) => edit.constant(value), options)
    notes.push(...plan.notes)
    const writer = new IntegerNodes(edit, options)
    for (const planned of plan.nodes) {
      await context.checkpoint()
      context.progress(done++ / total, nodeLabel(planned.node))
      const isDone = writer.replace(planned)
      changed ||= isDone
      notes.push(noteOn(planned, isDone))
    }
    // Also after a body changed: it may have been the last reader of a weight out here.
    return changed
  })
  context.progress(1, 'done')
  if (!changed) return { model, notes: [...notes, NOTHING_TO_DO] }
  return { model: quantized, notes }
}

/** Nodes of the model, bodies included: the upper bound of the work, for the progress bar. */
function countNodes(graph: Graph): number {
  return graph.nodes.reduce(
    (sum, node) => sum + 1 + subgraphs(node).reduce((inner, body) => inner + countNodes(body.graph), 0),
    0,
  )
}

function noteOn({ node, kind, weight }: PlannedNode, isDone: boolean): Note {
  const subject = nodeLabel(node)
  const text = isDone
    ? `${kind} "${subject}" computes with 8-bit integers.`
    : `${kind} "${subject}" stays in float: its weight "${weight.name}" holds values that are not finite.`
  return { kind: isDone ? 'changed' : 'skipped', subject, text }
}

const NOTHING_TO_DO: Note = {
  kind: 'skipped',
  text: 'No MatMul, Gemm, Conv or lookup with a constant float32 weight was found, so the model is unchanged.',
}
