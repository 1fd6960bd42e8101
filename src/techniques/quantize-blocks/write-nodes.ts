// Puts packed weights into the graphs of a model: MatMulNBits and GatherBlockQuantized (com.microsoft 1) in place of the operator, or a
// blocked DequantizeLinear (opset 21) in front of it. A weight that several nodes read, in bodies too, is stored once, in the graph that held
// it before.

import type { GraphEdit } from '../../core/model/map-graphs'
import { attributes, floatAttribute, isOp, type Attribute, type Node } from '../../core/model/node'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import type { Note } from '../../core/pass/technique'
import type { BlockWeight } from './block-weight'
import { blockedAxis, type PackedWeight } from './pack-weight'

const DOMAIN = 'com.microsoft'

export interface Stored {
  readonly weight: BlockWeight
  readonly packed: PackedWeight
}

export interface WriteRules {
  readonly format: 'matmul-nbits' | 'qdq'
  /** 0: the attribute is left out. */
  readonly accuracyLevel: number
}

/** Names of the new values of one weight. */
interface Names {
  readonly codes: string
  readonly scales: string
  readonly zeroPoints: string | undefined
  /** Output of the DequantizeLinear; undefined in the other format. */
  readonly restored: string | undefined
}

/** One for a model: `edit` is called for each of its graphs, bodies first. */
export class NodeWriter {
  readonly notes: Note[] = []
  readonly #rules: WriteRules
  readonly #byReader = new Map<Node, Stored>()
  /** Weights with rewritten readers whose tensors have not come to their graph yet. */
  readonly #pending = new Map<Stored, Names>()

  constructor(stored: readonly Stored[], rules: WriteRules) {
    this.#rules = rules
    for (const one of stored) for (const reader of one.weight.readers) this.#byReader.set(reader, one)
  }

  /** Returns whether anything was changed. */
  edit(edit: GraphEdit): boolean {
    const readers = edit.draft.nodes.filter((node) => this.#byReader.has(node))
    for (const node of readers) {
      const stored = this.#byReader.get(node)
      if (stored) this.#rewrite(node, stored, edit)
    }
    const own = [...this.#pending].filter(([{ weight }]) => isOf(edit, weight))
    for (const [stored, names] of own) {
      this.#place(stored, names, edit)
      this.#pending.delete(stored)
    }
    return readers.length > 0 || own.length > 0
  }

  #rewrite(node: Node, stored: Stored, edit: GraphEdit): void {
    const names = this.#pending.get(stored) ?? namesFor(stored, this.#rules, edit)
    this.#pending.set(stored, names)
    if (names.restored !== undefined) {
      edit.draft.replaceNode(node, { ...node, inputs: node.inputs.with(1, names.restored) })
    } else if (stored.weight.role === 'table') edit.draft.replaceNode(node, lookup(node, stored, names))
    else this.#writeProduct(node, stored, names, edit)
  }

  #writeProduct(node: Node, stored: Stored, names: Names, edit: GraphEdit): void {
    const { draft, freshName } = edit
    const output = node.outputs[0] ?? ''
    const addend = isOp(node, 'Gemm') ? addendOf(node, edit) : undefined
    const missing = isOp(node, 'Gemm') ? 0 : missingAxes(node, stored.weight, edit)
    const product = addend !== undefined || missing > 0 ? freshName(`${output}_product`) : output
    const scales = scaledBy(floatAttribute(node, 'alpha', 1), stored, names, edit)
    const inputs = [node.inputs[0] ?? '', names.codes, scales, ...(names.zeroPoints ? [names.zeroPoints] : [])]
    draft.replaceNode(node, {
      name: node.name,
      opType: 'MatMulNBits',
      domain: DOMAIN,
      inputs,
      outputs: [product],
      attributes: this.#productAttributes(stored),
    })
    if (addend !== undefined) draft.addNode({ opType: 'Add', inputs: [product, addend], outputs: [output] })
    if (missing > 0) addLeadingAxes(edit, product, output, missing)
  }

  #productAttributes({ weight, packed }: Stored): ReadonlyMap<string, Attribute> {
    const { accuracyLevel } = this.#rules
    return attributes({
      K: weight.k,
      N: weight.n,
      bits: packed.bits,
      block_size: packed.blockSize,
      ...(accuracyLevel > 0 ? { accuracy_level: accuracyLevel } : {}),
    })
  }

  /** Adds the tensors to the graph that holds the weight. */
  #place({ weight, packed }: Stored, names: Names, { draft }: GraphEdit): void {
    draft.setInitializer({ ...packed.codes, name: names.codes })
    draft.setInitializer({ ...packed.scales, name: names.scales })
    if (packed.zeroPoints && names.zeroPoints) draft.setInitializer({ ...packed.zeroPoints, name: names.zeroPoints })
    const { name, dims } = weight.tensor
    if (names.restored !== undefined) {
      draft.addNode({
        opType: 'DequantizeLinear',
        inputs: [names.codes, names.scales, ...(names.zeroPoints ? [names.zeroPoints] : [])],
        outputs: [names.restored],
        attributes: attributes({ axis: blockedAxis(weight), block_size: packed.blockSize }),
      })
      draft.setType(names.restored, { kind: 'tensor', dtype: 'float32', shape: dims })
    }
    if (draft.index.isOutput(name) || draft.index.consumers(name).length > 0) this.notes.push(stillRead(name))
  }
}

const stillRead = (name: string): Note => ({
  kind: 'warning',
  subject: name,
  text: `"${name}" stays in the file in float as well: something else reads it or it is an output.`,
})

/** The very weight, not another one of the same name in a body beside. */
const isOf = ({ draft }: GraphEdit, { tensor }: BlockWeight): boolean =>
  draft.index.constant(tensor.name)?.data === tensor.data

function namesFor({ weight, packed }: Stored, { format }: WriteRules, { freshName }: GraphEdit): Names {
  // The reference's names, so that files can be compared by eye.
  const isRestored = format === 'qdq' && weight.role === 'matrix'
  const base = isRestored ? `${weight.tensor.name}_DQ` : weight.tensor.name
  const codes = freshName(`${base}_Q${packed.bits}`)
  return {
    codes,
    scales: freshName(`${base}_scales`),
    zeroPoints: packed.zeroPoints && freshName(`${base}_zero_points`),
    restored: isRestored ? freshName(`${codes}_output`) : undefined,
  }
}

function lookup(node: Node, { weight, packed }: Stored, names: Names): Node {
  return {
    name: node.name,
    opType: 'GatherBlockQuantized',
    domain: DOMAIN,
    inputs: [names.codes, node.inputs[1] ?? '', names.scales, ...(names.zeroPoints ? [names.zeroPoints] : [])],
    outputs: node.outputs,
    attributes: attributes({ gather_axis: 0, quantize_axis: blockedAxis(weight), block_size: packed.blockSize }),
  }
}

/** What Gemm adds, with beta in it; undefined: nothing. */
function addendOf(node: Node, edit: GraphEdit): string | undefined {
  const name = node.inputs[2] ?? ''
  const beta = floatAttribute(node, 'beta', 1)
  if (name === '') return undefined
  const addend = beta === 1 ? undefined : edit.constant(name)
  return addend ? addMultiple(`${name}_beta`, addend, beta, edit) : name
}

/** Gemm's alpha goes into the scales. */
function scaledBy(alpha: number, { packed }: Stored, names: Names, edit: GraphEdit): string {
  return alpha === 1 ? names.scales : addMultiple(`${names.scales}_alpha`, packed.scales, alpha, edit)
}

function addMultiple(base: string, tensor: Tensor, factor: number, { draft, freshName }: GraphEdit): string {
  const name = freshName(base)
  const values = Float32Array.from(viewAs(tensorBytes(tensor), Float32Array), (value) => value * factor)
  draft.setInitializer(makeTensor(name, 'float32', tensor.dims, values))
  return name
}

/** Axes that MatMul's output has from its second operand and MatMulNBits' has not. */
function missingAxes(node: Node, { tensor }: BlockWeight, { type }: GraphEdit): number {
  if (tensor.dims.length === 2) return 0
  const input = type(node.inputs[0] ?? '')
  const rank = input?.kind === 'tensor' ? (input.shape?.length ?? 0) : 0
  // A vector as first operand is a row to MatMul, and its axis is taken away again.
  return Math.max(0, tensor.dims.length - Math.max(rank, 2))
}

function addLeadingAxes({ draft, freshName }: GraphEdit, input: string, output: string, count: number): void {
  const axes = freshName(`${output}_axes`)
  draft.setInitializer(
    makeTensor(
      axes,
      'int64',
      [count],
      BigInt64Array.from({ length: count }, (_, i) => BigInt(i)),
    ),
  )
  draft.addNode({ opType: 'Unsqueeze', inputs: [input, axes], outputs: [output] })
}
