// Marks tensors the way the reference toolkit does. A tensor keeps its first mark; "already marked" depends on the order of nodes.

import { intAttribute, isOp, type Node } from '../../core/model/node'
import type { PlannedConstant } from './plan'
import type { PlanDraft } from './plan-draft'
import { mayBeAbsorbed } from './removable'
import type { StaticOptions } from './spec'
import { channelAxis, constantFormat } from './tensor-format'

export class ReferenceMarks {
  readonly options: StaticOptions
  readonly #draft: PlanDraft
  readonly #excludedOutputs: ReadonlySet<string>

  constructor(draft: PlanDraft, options: StaticOptions) {
    this.#draft = draft
    this.options = options
    this.#excludedOutputs = new Set(options.excludeOutputs)
  }

  isMarked(value: string): boolean {
    const { activations } = this.#draft
    return activations.has(value) || this.#draft.hasConstant(value) || this.#draft.hasBias(value)
  }

  /** An input as activation: a constant becomes an operand. */
  input(node: Node, input: number): void {
    const value = node.inputs[input] ?? ''
    const tensor = this.#draft.constantAt(node, input)
    if (!tensor) return this.#mark(value)
    this.#draft.addConstant(
      tensor,
      { node, input },
      { role: 'operand', axis: channelAxis(tensor, undefined, this.options) },
    )
  }

  /** A constant input as weight with one scale per index of `axis`, where the options want it; what is computed is an activation. */
  weight(node: Node, input: number, axis: number | undefined): PlannedConstant | string {
    const tensor = this.#draft.constantAt(node, input)
    if (!tensor) {
      this.input(node, input)
      return node.inputs[input] ?? ''
    }
    const how = { role: 'weight', axis: channelAxis(tensor, axis, this.options) } as const
    return this.#draft.addConstant(tensor, { node, input }, how)
  }

  /** The bias at input 2 in the unit of input 0 times the weight. */
  bias(node: Node, weight: PlannedConstant | string, factor = 1): void {
    if ((node.inputs[2] ?? '') === '') return
    const tensor = this.#draft.constantAt(node, 2)
    if (!tensor) return this.#draft.skip(node, 'keeps its bias in float: it is not a constant.')
    this.#draft.addBias(tensor, { node, input: 2 }, { activation: node.inputs[0] ?? '', weight, factor })
  }

  /** The factor of a constant bias. alpha stays an attribute: beside sums without beta kernels agree about it. */
  foldBeta(node: Node): number {
    return this.#draft.foldFactors(node, { alpha: false, beta: this.constant(node, 2) !== undefined }).beta
  }

  outputs(node: Node): void {
    if (this.#excludedOutputs.has(node.opType)) return
    for (const value of node.outputs) this.#mark(value)
  }

  /** The outputs have the scale of input 0, because integers pass through. */
  sharedOutputs(node: Node, outputs = node.outputs): void {
    if (!this.#excludedOutputs.has(node.opType)) this.share(node, outputs)
  }

  share(node: Node, outputs: readonly string[]): void {
    const [source = ''] = node.inputs
    const isPossible = this.#draft.activations.has(source) || this.#hasOneScale(node)
    for (const value of outputs) {
      if (!isPossible) this.#mark(value)
      else if (this.#isOpen(value)) this.#draft.activations.set(value, { kind: 'shared', with: source, reader: node })
    }
  }

  /** Removes a Relu or Clip if nothing is lost. */
  absorb(node: Node): boolean {
    const { activations, absorbed, index } = this.#draft
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]]
    if (!activations.has(input) || !this.#isOpen(output) || this.#excludedOutputs.has(node.opType)) return false
    if (!mayBeAbsorbed(node, index, this.options)) return false
    activations.delete(input)
    absorbed.add(node)
    return true
  }

  constant(node: Node, input: number) {
    return this.#draft.constantAt(node, input)
  }

  #hasOneScale(node: Node): boolean {
    const constant = this.#draft.constantRead(node, 0)
    return constant !== undefined && constantFormat(constant, this.options).axis === undefined
  }

  #mark(value: string): void {
    if (this.#isOpen(value) && !this.#draft.activations.has(value)) this.#draft.activations.set(value, { kind: 'own' })
  }

  /** Whether the value can get a quantized form: a computed float32 value that has none in the file. */
  #isOpen(value: string): boolean {
    const { index } = this.#draft
    if (value === '' || !this.#draft.isFloat(value) || index.constant(value)) return false
    const producer = index.producer(value)
    if (producer && producer.opType === 'DequantizeLinear') return false
    const readers = index.consumers(value)
    return readers.length === 0 || !readers.every(({ opType }) => opType === 'QuantizeLinear')
  }
}

/** Axis of the output channels of the right factor of a Gemm. */
export const gemmAxis = (node: Node): number => (isOp(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0 ? 0 : 1)
