// Computes MatMul, Gemm, Conv, LSTM and embedding lookups in 8-bit integers. Weights are quantized here, activations while the model runs:
// with ranges measured there and then (DynamicQuantizeLinear), or with fixed ones from real samples (QuantizeLinear). Read plan.ts for which
// nodes are taken, integer-nodes.ts for what they become.

import type { Graph } from '../../core/model/graph'
import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset, type Model } from '../../core/model/model'
import { nodeLabel, nodeName, subgraphs } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { Apply, Note, PassResult } from '../../core/pass/technique'
import { fixParams, hasFixedRanges } from './fixed-params'
import { IntegerNodes, MICROSOFT } from './integer-nodes'
import type { FixedParams } from './integer-values'
import { planDynamic, unknownOperators, type Constants, type DynamicOptions, type PlannedNode } from './plan'
import { spec } from './spec'

/** What measuring ranges takes, as a multiple of what writing the nodes takes. */
const MEASURING_WORK = 4

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const notes: Note[] = [...unknownOperators(options), ...unknownNames(model.graph, options), ...layoutNotes(options)]
  const raised = raiseOpset(model, spec.needs.opset)
  const nodes = Math.max(allNodes(raised.graph).length, 1)
  const measuring = hasFixedRanges(options) ? MEASURING_WORK * nodes : 0
  const kinds = new Set<PlannedNode['kind']>()
  let calibration: PassResult['calibration']
  let done = 0
  const progress = (work: number, what: string): void => context.progress(work / (nodes + measuring), what)
  const types = options.constantWeightsOnly ? NO_TYPES : inferShapes(raised)
  const quantized = await mapGraphs(raised, types, async (edit) => {
    if (edit.isBody && !options.subgraphs) return false
    const constant = constantsBefore(edit)
    const plan = planDynamic(edit.draft.nodes, { type: (value) => edit.type(value), constant }, options)
    notes.push(...plan.notes)
    let fixed: FixedParams = new Map()
    // Samples pass through the main graph only: what bodies see depends on the way through them.
    if (hasFixedRanges(options) && !edit.isBody) {
      const found = await fixParams(raised, plan.nodes, constant, options, {
        ...context,
        progress: (fraction, what) => progress(done + fraction * measuring, what),
      })
      notes.push(...found.notes)
      ;({ params: fixed, calibration } = found)
      done += measuring
    }
    const writer = new IntegerNodes(edit, constant, options, fixed)
    for (const planned of plan.nodes) {
      await context.checkpoint()
      progress(done++, nodeLabel(planned.node))
      const isDone = writer.replace(planned)
      if (isDone) kinds.add(planned.kind)
      notes.push(noteOn(planned, isDone, hasFixedRanges(options) && isMeasuredLive(planned, edit)))
    }
    writer.finish(onnxOpset(raised))
    // Also after a body changed: it may have been the last reader of a weight out here.
    return kinds.size > 0
  })
  context.progress(1, 'done')
  if (kinds.size === 0) return { model, notes: [...notes, NOTHING_TO_DO] }
  const made = kinds.has('LSTM') ? withMicrosoft(quantized) : quantized
  return { model: made, notes, ...(calibration && { calibration }) }
}

/** A constant says what it is; only products of two activations need to know more. */
const NO_TYPES = { type: () => undefined, body: () => undefined }

/** Constants as they stand before the first edit: each edit makes the draft look at the whole graph again. */
function constantsBefore({ draft, constant }: GraphEdit): Constants {
  const found = new Map<string, Tensor>()
  for (const name of new Set(draft.nodes.flatMap(({ inputs }) => inputs))) {
    const tensor = constant(name)
    if (tensor) found.set(name, tensor)
  }
  return (value) => found.get(value)
}

const allNodes = (graph: Graph): Graph['nodes'] =>
  graph.nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((body) => allNodes(body.graph))])

const withMicrosoft = (model: Model): Model =>
  model.opsets.has(MICROSOFT) ? model : { ...model, opsets: new Map(model.opsets).set(MICROSOFT, 1) }

/** A step before this one may have fused or renamed what the person named. */
function unknownNames(graph: Graph, { nodes, excludeNodes }: DynamicOptions): Note[] {
  const wanted = [...nodes, ...excludeNodes]
  if (wanted.length === 0) return []
  const known = new Set(allNodes(graph).map(nodeName))
  return wanted
    .filter((name) => !known.has(name))
    .map((subject) => ({ kind: 'warning', subject, text: `There is no node "${subject}" at this step.` }))
}

function layoutNotes({ activationRanges, layout }: DynamicOptions): Note[] {
  if (activationRanges === 'dynamic' || layout === 'engine') return []
  const text = 'The reference layout knows no static ranges: they are measured while the model runs.'
  return [{ kind: 'warning', text }]
}

/** What has a dynamic form only, or stands where no sample can be watched. */
const isMeasuredLive = ({ kind }: PlannedNode, { isBody }: GraphEdit): boolean =>
  kind === 'LSTM' || (isBody && kind !== 'Gather' && kind !== 'Transpose')

/** `isException`: its ranges are dynamic though static ones were asked for. */
function noteOn(planned: PlannedNode, isDone: boolean, isException: boolean): Note {
  const subject = nodeLabel(planned.node)
  const label = `${planned.node.opType} "${subject}"`
  if (isDone) {
    const what = planned.kind === 'Transpose' ? 'moves' : 'computes with'
    const how = isException ? '; its ranges are measured while the model runs' : ''
    return { kind: 'changed', subject, text: `${label} ${what} 8-bit integers${how}.` }
  }
  const which = 'weight' in planned ? `a weight, like "${planned.weight.name}",` : 'its input'
  return { kind: 'skipped', subject, text: `${label} stays in float: ${which} holds values that are not finite.` }
}

const NOTHING_TO_DO: Note = {
  kind: 'skipped',
  text: 'No MatMul, Gemm, Conv, LSTM or lookup with a constant float32 weight was found, so the model is unchanged.',
}
