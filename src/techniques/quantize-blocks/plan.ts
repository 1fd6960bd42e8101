// Decides which weights of a model are stored in blocks, bodies of `If`, `Loop` and `Scan` included. Changes nothing.

import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import type { Model } from '../../core/model/model'
import { floatAttribute, intAttribute, isOp, nodeLabel, nodeName, type Node } from '../../core/model/node'
import { tensorCount, type Tensor, type TensorData } from '../../core/model/tensor'
import { weightSlot } from '../../core/model/weight-slots'
import type { OptionsOf } from '../../core/options/spec'
import type { Note } from '../../core/pass/technique'
import type { BlockWeight } from './block-weight'
import type { spec } from './spec'

export type BlockOptions = OptionsOf<(typeof spec)['options']>

export interface BlockPlan {
  /** Each weight once for each way it is read, in graph order, bodies first. */
  readonly weights: readonly BlockWeight[]
  readonly notes: readonly Note[]
}

export async function planBlocks(model: Model, options: BlockOptions): Promise<BlockPlan> {
  const plan = new PlanBuilder()
  const excluded = new Set(options.excludeNodes)
  await mapGraphs(model, inferShapes(model), (edit) => {
    for (const node of edit.draft.nodes) {
      const found = findWeight(node, edit, options)
      if (found === undefined) continue
      if (excluded.has(nodeName(node))) plan.leave(node, 'it is among the excluded nodes')
      else if (typeof found === 'string') plan.leave(node, found)
      else plan.take(node, found)
    }
    return Promise.resolve(false)
  })
  const names = new Set(plan.seen.map(nodeName))
  for (const name of options.excludeNodes) if (!names.has(name)) plan.notes.push(noSuchNode(name))
  return { weights: plan.weights, notes: plan.notes }
}

const noSuchNode = (name: string): Note => ({
  kind: 'warning',
  text: `There is no node "${name}" with a weight that could be stored in blocks, so leaving it out changes nothing.`,
})

type FoundWeight = Omit<BlockWeight, 'readers'>

class PlanBuilder {
  readonly notes: Note[] = []
  readonly seen: Node[] = []
  readonly #readers = new Map<FoundWeight, Node[]>()
  readonly #byData = new Map<TensorData, FoundWeight[]>()

  take(node: Node, found: FoundWeight): void {
    this.seen.push(node)
    const alike = this.#byData.get(found.tensor.data) ?? []
    this.#byData.set(found.tensor.data, alike)
    const same = alike.find(({ role, layout }) => role === found.role && layout === found.layout)
    if (same) this.#readers.get(same)?.push(node)
    else {
      alike.push(found)
      this.#readers.set(found, [node])
    }
  }

  leave(node: Node, reason: string): void {
    this.seen.push(node)
    const subject = nodeLabel(node)
    this.notes.push({ kind: 'skipped', subject, text: `The weight of "${subject}" stays in float: ${reason}.` })
  }

  get weights(): readonly BlockWeight[] {
    return [...this.#readers].map(([found, readers]) => ({ ...found, readers }))
  }
}

/** What the node reads as a weight; a string says why it is left alone; undefined where there is nothing to speak of. */
function findWeight(node: Node, edit: GraphEdit, options: BlockOptions): FoundWeight | string | undefined {
  const position = node.inputs.findIndex((name, input) => {
    const tensor = name === '' ? undefined : edit.constant(name)
    return tensor && tensorCount(tensor) >= options.minElements && weightSlot(node, input, tensor.dims.length)
  })
  const tensor = edit.constant(node.inputs[position] ?? '')
  if (!tensor) return undefined
  if (tensor.dtype !== 'float32') return `it is of type ${tensor.dtype}, only float32 is stored in blocks`
  if (isOp(node, 'Gather')) return findTable(node, tensor, options)
  if (!isOp(node, 'MatMul') && !isOp(node, 'Gemm')) return `${node.opType} has no form with blocks`
  if (position !== 1) return 'only the second operand can be stored in blocks'
  return isOp(node, 'Gemm') ? findGemm(node, tensor, edit, options) : findMatMul(node, tensor, edit, options)
}

function findMatMul(node: Node, tensor: Tensor, edit: GraphEdit, { format }: BlockOptions): FoundWeight | string {
  const [n, k, ...leading] = tensor.dims.toReversed()
  if (n === undefined || k === undefined) return 'it is a vector, and blocks need rows and columns'
  if (leading.some((size) => size !== 1)) return 'it is a stack of matrices'
  if (leading.length > 0 && format === 'matmul-nbits') {
    const type = edit.type(node.inputs[0] ?? '')
    if (type?.kind !== 'tensor' || !type.shape) return 'it has a leading axis and the rank of the input is not known'
  }
  return { tensor, role: 'matrix', n, k, layout: 'columns' }
}

function findGemm(node: Node, tensor: Tensor, edit: GraphEdit, { format }: BlockOptions): FoundWeight | string {
  const [rows = 0, columns = 0] = tensor.dims
  const isTransposed = intAttribute(node, 'transB', 0) !== 0
  if (format === 'matmul-nbits') {
    if (intAttribute(node, 'transA', 0) !== 0) return 'the other operand is transposed (transA)'
    const addend = node.inputs[2] ?? ''
    const isPlain = addend === '' || floatAttribute(node, 'beta', 1) === 1
    if (!isPlain && edit.constant(addend)?.dtype !== 'float32') return 'beta scales an addend that is no constant'
  }
  return isTransposed
    ? { tensor, role: 'matrix', n: rows, k: columns, layout: 'rows' }
    : { tensor, role: 'matrix', n: columns, k: rows, layout: 'columns' }
}

function findTable(node: Node, tensor: Tensor, { embeddings, format }: BlockOptions): FoundWeight | string {
  if (!embeddings) return 'lookup tables are left alone unless `embeddings` is on'
  if (format === 'qdq') return 'only GatherBlockQuantized looks up in blocks, and it is no operator of ONNX itself'
  if (intAttribute(node, 'axis', 0) !== 0) return 'it is looked up along another axis than the first'
  const k = tensor.dims.at(-1)
  if (tensor.dims.length < 2 || k === undefined) return 'it is a vector, and blocks need rows'
  return { tensor, role: 'table', n: tensorCount(tensor) / k, k, layout: 'rows' }
}
