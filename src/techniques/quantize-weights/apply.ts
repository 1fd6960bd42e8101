// Stores weights as 8-bit integers behind DequantizeLinear nodes. Everything else of the graph stays as it is: the model computes in
// float, with weights rounded to 255 or 256 steps. Read plan.ts for which weights are taken and along which axis.

import type { Graph } from '../../core/model/graph'
import { constantNodeTensor } from '../../core/model/graph-index'
import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { attributes, subgraphs } from '../../core/model/node'
import type { QuantizedWeight } from '../../core/numeric/quantize-weight'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { Apply, Note, SessionOptions } from '../../core/pass/technique'
import { inOrder } from '../../core/tasks/in-order'
import { quantizeWeightWith } from '../../core/tasks/quantize-weight-with'
import type { TaskPort } from '../../core/tasks/task'
import { isCandidate, planWeights, type PlannedWeight, type WeightOptions } from './plan'
import { spec } from './spec'

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const notes: Note[] = []
  const total = Math.max(countCandidates(model.graph, options), 1)
  let done = 0
  const raised = raiseOpset(model, spec.needs.opset)
  const quantized = await mapGraphs(raised, inferShapes(raised), async (edit) => {
    const plan = planWeights(edit.draft.nodes, edit.draft.index, options)
    notes.push(...plan.notes)
    const renames = new Map<string, string>()
    const start = (weight: PlannedWeight) => quantize(weight, options, edit, context.tasks)
    // Names are given when a weight is started, in the order of the plan, so they do not depend on how many are under way.
    for await (const [weight, integers] of inOrder(plan.weights, context.tasks?.depth ?? 1, start)) {
      await context.checkpoint()
      context.progress(done++ / total, weight.tensor.name)
      const dequantized = integers && storeIntegers(edit, weight, integers)
      if (dequantized !== undefined) renames.set(weight.tensor.name, dequantized)
      notes.push(noteOn(weight, options, dequantized !== undefined))
    }
    edit.draft.redirectAll(renames)
    return renames.size > 0
  })
  context.progress(1, 'done')
  if (model.functions.length > 0) notes.push(FUNCTIONS_NOTE)
  if (quantized === raised) return { model, notes: [...notes, nothingToDo(options)] }
  return { model: quantized, notes, sessionOptions: RESTORED_AT_LOAD }
}

/** ONNX Runtime on WASM turns DequantizeLinear → MatMul into MatMulNBits, which is slow for a single row; so it restores float at load. */
const RESTORED_AT_LOAD: SessionOptions = { 'session.disable_quant_qdq': '1' }

/** A weight on its way into the graph. */
interface Integers extends QuantizedWeight {
  /** Name of the float values that the graph reads instead. */
  readonly output: string
}

/** Undefined when the weight cannot be quantized. */
async function quantize(
  { tensor, axis }: PlannedWeight,
  { weightType }: WeightOptions,
  { freshName }: GraphEdit,
  tasks: TaskPort | undefined,
): Promise<Integers | undefined> {
  const { name } = tensor
  const names = {
    quantized: freshName(`${name}_quantized`),
    scale: freshName(`${name}_scale`),
    zeroPoint: freshName(`${name}_zero_point`),
  }
  const output = freshName(`${name}_DequantizeLinear_Output`)
  const format = { dtype: weightType, axis, isSymmetric: weightType === 'int8' }
  const parts = await quantizeWeightWith(tasks, tensor, format, names)
  return parts && { ...parts, output }
}

/** Adds the integers and their DequantizeLinear; returns its output. */
function storeIntegers({ draft }: GraphEdit, { tensor, axis }: PlannedWeight, integers: Integers): string {
  const { quantized, scale, zeroPoint, output } = integers
  for (const part of [quantized, scale, zeroPoint]) draft.setInitializer(part)
  draft.addNode({
    opType: 'DequantizeLinear',
    name: `${tensor.name}_DequantizeLinear`,
    inputs: [quantized.name, scale.name, zeroPoint.name],
    outputs: [output],
    attributes: attributes(axis === undefined ? {} : { axis }),
  })
  draft.setType(output, { kind: 'tensor', dtype: 'float32', shape: tensor.dims })
  return output
}

function noteOn({ tensor, axis }: PlannedWeight, { weightType }: WeightOptions, isDone: boolean): Note {
  const subject = tensor.name
  if (!isDone) {
    return { kind: 'skipped', subject, text: `"${subject}" stays in float: it holds values that are not finite.` }
  }
  const scales = axis === undefined ? 'one scale' : `${tensor.dims[axis] ?? 0} scales along axis ${axis}`
  return { kind: 'changed', subject, text: `"${subject}" is stored as ${weightType} with ${scales}.` }
}

const FUNCTIONS_NOTE: Note = {
  kind: 'skipped',
  text: "Weights inside the model's functions stay in float: their types depend on the call.",
}

const nothingToDo = ({ minElements }: WeightOptions): Note => ({
  kind: 'skipped',
  text: `No float32 weight of ${minElements} numbers or more was found, so the model is unchanged.`,
})

/** Upper bound of the work, for the progress bar: every constant that is large enough, in bodies too. */
function countCandidates(graph: Graph, options: WeightOptions): number {
  let count = 0
  for (const tensor of graph.initializers.values()) if (isCandidate(tensor, options)) count++
  for (const node of graph.nodes) {
    const tensor = constantNodeTensor(node)
    if (tensor && isCandidate(tensor, options)) count++
    for (const { graph: body } of subgraphs(node)) count += countCandidates(body, options)
  }
  return count
}
