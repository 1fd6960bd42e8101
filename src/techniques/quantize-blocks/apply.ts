// Stores the weights of MatMul, Gemm and Gather in blocks of a few bits. plan.ts says which, assign-algorithms.ts how,
// write-nodes.ts what stands in the graph then.

import { LabError } from '../../core/errors/lab-error'
import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs } from '../../core/model/map-graphs'
import { onnxOpset, type Model } from '../../core/model/model'
import { nodeLabel } from '../../core/model/node'
import { tensorCount } from '../../core/model/tensor'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note, SessionOptions } from '../../core/pass/technique'
import { inOrder } from '../../core/tasks/in-order'
import { assignAlgorithms, watchedInput, type Assignment } from './assign-algorithms'
import type { BlockBits, BlockGrid } from './block-codes'
import type { BlockWeight } from './block-weight'
import { shareBits, type SharedBits } from './mixed-bits'
import { CodeRoom, packWeight, type PackedWeight } from './pack-weight'
import { planBlocks, type BlockOptions, type BlockPlan } from './plan'
import { spec } from './spec'
import { NodeWriter, type Stored } from './write-nodes'

/** 4-bit tensors and blocked DequantizeLinear. */
const OPSET_OF_BLOCKS = 21

/** ONNX Runtime on WASM turns DequantizeLinear → MatMul into MatMulNBits, which is slow for a single row; so it restores float at load. */
const RESTORED_AT_LOAD: SessionOptions = { 'session.disable_quant_qdq': '1' }

export const apply: Apply<typeof spec> = async (model, options, context) => {
  refuseTwoBits(options)
  const { raised, plan } = await planRaised(model, options)
  const notes = [...plan.notes]
  if (model.functions.length > 0) notes.push(FUNCTIONS_NOTE)
  const { stored, notes: done } = await storeAll(raised, plan, options, context)
  notes.push(...done)
  context.progress(1, 'done')
  if (stored.length === 0) return { model, notes: [...notes, nothingToDo(options)] }
  const writer = new NodeWriter(stored, options)
  const written = await mapGraphs(raised, inferShapes(raised), (edit) => Promise.resolve(writer.edit(edit)))
  notes.push(...writer.notes)
  if (options.format === 'qdq') return { model: written, notes, sessionOptions: RESTORED_AT_LOAD }
  return { model: { ...written, opsets: new Map(written.opsets).set('com.microsoft', 1) }, notes }
}

function refuseTwoBits({ bits, format }: BlockOptions): void {
  if (bits !== '2' || format !== 'qdq') return
  throw new LabError(
    'options/invalid',
    'The format qdq holds 4 or 8 bits: ONNX has 2-bit types from opset 25 on only.',
    {
      path: 'bits',
      expected: '4 or 8 with the format qdq',
      got: bits,
    },
  )
}

/** The plan knows nodes by identity, so it belongs to the raised model. */
async function planRaised(
  model: Model,
  options: BlockOptions,
): Promise<{ readonly raised: Model; readonly plan: BlockPlan }> {
  const raised = raiseOpset(model, options.format === 'qdq' ? OPSET_OF_BLOCKS : spec.needs.opset)
  const plan = await planBlocks(raised, options)
  const hasTables = plan.weights.some(({ role }) => role === 'table')
  if (!hasTables || onnxOpset(raised) >= OPSET_OF_BLOCKS) return { raised, plan }
  const higher = raiseOpset(raised, OPSET_OF_BLOCKS)
  return { raised: higher, plan: await planBlocks(higher, options) }
}

async function storeAll(
  model: Model,
  plan: BlockPlan,
  options: BlockOptions,
  context: PassContext,
): Promise<{ readonly stored: readonly Stored[]; readonly notes: readonly Note[] }> {
  const total = plan.weights.reduce((sum, { tensor }) => sum + tensorCount(tensor), 0)
  const stored: Stored[] = []
  const notes: Note[] = []
  let done = 0
  const shared = await bitsUnderBudget(model, plan, options, context)
  notes.push(...(shared?.notes ?? []))
  const gridFor = (weight: BlockWeight): BlockGrid => ({
    bits: shared?.bits.get(weight) ?? bitsFor(weight, options),
    blockSize: Number(options.blockSize),
    symmetric: options.symmetric,
  })
  const host = { ...context, room: new CodeRoom() }
  const pack = async ({ weight, method }: Assignment): Promise<PackedWeight | undefined> => {
    await context.checkpoint()
    context.progress(done / total, weight.tensor.name)
    const form = options.format === 'matmul-nbits' && weight.role === 'matrix' ? 'blobs' : 'elements'
    return packWeight(weight, gridFor(weight), form, method, host)
  }
  const watching = { ...context, progress: (_: number, what: string): void => context.progress(done / total, what) }
  const assignments = assignAlgorithms(model, plan, options, watching)
  // GPTQ has a large matrix for each input, so there no weight is ahead of the others; its panels keep the workers busy.
  const ahead = options.algorithm === 'gptq' ? 1 : (context.tasks?.depth ?? 1)
  for await (const [{ weight, note }, packed] of inOrder(assignments, ahead, pack)) {
    if (packed) stored.push({ weight, packed })
    notes.push(noteOn(weight, gridFor(weight), packed !== undefined), ...(note && packed ? [note] : []))
    done += tensorCount(weight.tensor)
  }
  return { stored, notes }
}

/** Undefined where there is no budget, or nothing below 8 bits to spend it on. Tables have no choice of bits and are no part of it. */
async function bitsUnderBudget(
  model: Model,
  { weights }: BlockPlan,
  options: BlockOptions,
  context: PassContext,
): Promise<SharedBits | undefined> {
  const matrices = weights.filter(({ role }) => role === 'matrix')
  if (options.budgetMb === 0 || options.bits === '8' || matrices.length === 0) return undefined
  const main = new Set(model.graph.nodes)
  const budgeted = matrices.map((weight) => {
    const value = watchedInput(weight, main)
    return { weight, input: value === undefined ? undefined : { value, k: weight.k } }
  })
  // Only a step that asks for samples may depend on them.
  const calibration = options.algorithm === 'gptq' ? context.calibration : undefined
  const samples = calibration && { data: calibration, count: options.calibrationSamples }
  const low = { bits: BITS[options.bits], blockSize: Number(options.blockSize), symmetric: options.symmetric }
  return shareBits(model, budgeted, { bytes: options.budgetMb * 1e6, low, samples }, context)
}

const BITS: Readonly<Record<BlockOptions['bits'], BlockBits>> = { '2': 2, '4': 4, '8': 8 }
/** Of GatherBlockQuantized in the form that every engine has. */
const TABLE_BITS = 4

const bitsFor = ({ role }: BlockWeight, { bits }: BlockOptions): BlockBits =>
  role === 'table' ? TABLE_BITS : BITS[bits]

function noteOn({ tensor, readers }: BlockWeight, { bits, blockSize }: BlockGrid, isDone: boolean): Note {
  const subject = tensor.name
  if (!isDone) {
    return { kind: 'skipped', subject, text: `"${subject}" stays in float: it holds values that are not finite.` }
  }
  const text = `"${subject}" is stored in ${bits} bits with a scale for ${blockSize} weights (read by ${readers.map(nodeLabel).join(', ')}).`
  return { kind: 'changed', subject, text }
}

const FUNCTIONS_NOTE: Note = {
  kind: 'skipped',
  text: "Weights inside the model's functions stay in float: their types depend on the call.",
}

const nothingToDo = ({ minElements }: BlockOptions): Note => ({
  kind: 'skipped',
  text: `No weight of ${minElements} numbers or more could be stored in blocks, so the model is unchanged.`,
})
