// Writes constants and biases as integers with a DequantizeLinear behind each, and says what their readers read instead. A layer whose
// weight or bias integers cannot express keeps both in float.

import type { GraphDraft } from '../../core/model/graph-draft'
import { attributes, nodeLabel, type Node } from '../../core/model/node'
import { makeTensor } from '../../core/model/tensor'
import type { WeightNames } from '../../core/numeric/quantize-weight'
import type { Note } from '../../core/pass/technique'
import type { ParamNames } from './activation-pairs'
import {
  biasValues,
  constantParams,
  fitBias,
  integerBias,
  isExpressible,
  quantizeConstant,
  scaledTensor,
  type ConstantParams,
} from './constant-params'
import type { PlannedBias, PlannedConstant, StaticPlan } from './plan'
import type { StaticOptions } from './spec'

/** Scale of an activation in the form that the node reads; undefined where it has no quantized form. */
type ScaleRead = (activation: string, reader: Node) => number | undefined

export class ConstantWriter {
  readonly notes: Note[] = []
  /** Nodes that keep their constants in float. */
  readonly floatNodes = new Set<Node>()
  readonly #draft: GraphDraft
  readonly #plan: StaticPlan
  readonly #options: StaticOptions
  readonly #domain: string
  readonly #params = new Map<PlannedConstant, ConstantParams>()
  readonly #names = new Map<PlannedConstant, WeightNames>()
  readonly #reads = new Map<Node, Map<number, string>>()

  constructor(draft: GraphDraft, plan: StaticPlan, options: StaticOptions, domain: string) {
    this.#draft = draft
    this.#plan = plan
    this.#options = options
    this.#domain = domain
  }

  /** The inputs of a node with integers in the place of constants. */
  inputsOf(node: Node): readonly string[] {
    const reads = this.#reads.get(node)
    return reads ? node.inputs.map((name, input) => reads.get(input) ?? name) : node.inputs
  }

  /** The one scale of the constant that a node reads at input 0, for values that pass through unchanged. */
  scaleOf(node: Node): number | undefined {
    const constant = this.#readAt(node)
    return constant && this.#params.get(constant)?.scales[0]
  }

  paramNamesOf(node: Node): ParamNames | undefined {
    const constant = this.#readAt(node)
    return constant && this.#namesOf(constant)
  }

  #readAt(node: Node): PlannedConstant | undefined {
    return this.#plan.constants.find(({ readers }) => readers.some((slot) => slot.node === node && slot.input === 0))
  }

  #measure(constant: PlannedConstant): void {
    const params = constantParams(constant, this.#options)
    if (params) this.#params.set(constant, params)
    else for (const { node } of constant.readers) this.#keepFloat(node)
  }

  #keepFloat(node: Node): void {
    if (this.floatNodes.has(node)) return
    this.floatNodes.add(node)
    const subject = nodeLabel(node)
    const text = `${node.opType} "${subject}" computes in float: its weight or bias is not finite, or the two are too far apart for integers.`
    this.notes.push({ kind: 'warning', subject, text })
  }

  /** Biases come before integers, as they may raise the scales of weights. `checkpoint` is awaited twice for each constant. */
  async write(scaleRead: ScaleRead, checkpoint: (what: string) => Promise<void>): Promise<void> {
    const { constants, biases } = this.#plan
    for (const constant of constants) {
      await checkpoint(constant.tensor.name)
      this.#measure(constant)
    }
    if (this.#options.adjustWeightForBias) for (const bias of biases) this.#fit(bias, scaleRead)
    for (const bias of biases) this.#check(bias, scaleRead)
    for (const constant of constants) {
      await checkpoint(constant.tensor.name)
      this.#writeConstant(constant)
    }
    for (const bias of biases) this.#writeBias(bias, scaleRead)
  }

  #fit(bias: PlannedBias, scaleRead: ScaleRead): void {
    const { node, activation, weight } = bias
    const scale = scaleRead(activation, node)
    const params = typeof weight === 'string' ? undefined : this.#params.get(weight)
    if (typeof weight !== 'string' && scale !== undefined && params) {
      this.#params.set(weight, fitBias(params, biasValues(bias), scale))
    }
  }

  #check(bias: PlannedBias, scaleRead: ScaleRead): void {
    const scales = this.#scalesOf(bias, scaleRead)
    if (scales && !isExpressible(biasValues(bias), scales.input, scales.weight)) this.#keepFloat(bias.node)
  }

  #scalesOf({ node, activation, weight }: PlannedBias, scaleRead: ScaleRead) {
    const input = scaleRead(activation, node)
    const computed = typeof weight === 'string' ? scaleRead(weight, node) : undefined
    const scales =
      typeof weight === 'string'
        ? computed !== undefined && Float32Array.of(computed)
        : this.#params.get(weight)?.scales
    return input !== undefined && scales ? { input, weight: scales } : undefined
  }

  #writeConstant(constant: PlannedConstant): void {
    const params = this.#params.get(constant)
    const readers = constant.readers.filter(({ node }) => !this.floatNodes.has(node))
    if (!params || readers.length === 0) return
    const names = this.#namesOf(constant)
    const { axis, blockSize } = params.format
    const { quantized, scale, zeroPoint } = quantizeConstant(constant, params, names)
    const { name } = constant.tensor
    this.#draft.setInitializer(scale)
    this.#draft.setInitializer(zeroPoint)
    const layout = { ...(axis !== undefined && { axis }), ...(blockSize !== undefined && { block_size: blockSize }) }
    if (this.#options.addQdqPairToWeight) this.#quantizeInGraph(constant, names, layout)
    else this.#draft.setInitializer(quantized)
    const output = this.#dequantize(name, names, layout)
    for (const { node, input } of readers) this.#read(node, input, output)
  }

  #quantizeInGraph(constant: PlannedConstant, names: WeightNames, layout: Readonly<Record<string, number>>): void {
    const tensor = scaledTensor(constant)
    if (constant.factor !== 1) this.#draft.setInitializer(tensor)
    this.#draft.addNode({
      opType: 'QuantizeLinear',
      domain: this.#domain,
      name: `${constant.tensor.name}_QuantizeLinear`,
      inputs: [tensor.name, names.scale, names.zeroPoint],
      outputs: [names.quantized],
      attributes: attributes(layout),
    })
  }

  #namesOf(constant: PlannedConstant): WeightNames {
    const known = this.#names.get(constant)
    if (known) return known
    const { name } = constant.tensor
    const fresh = (suffix: string): string => this.#draft.freshName(`${name}_${suffix}`)
    const integers = this.#options.addQdqPairToWeight ? 'QuantizeLinear_Output' : 'quantized'
    const names = { quantized: fresh(integers), scale: fresh('scale'), zeroPoint: fresh('zero_point') }
    this.#names.set(constant, names)
    return names
  }

  /** Scale and zero point have the same shape: some engines refuse a vector beside a scalar. */
  #writeBias(bias: PlannedBias, scaleRead: ScaleRead): void {
    if (this.floatNodes.has(bias.node)) return
    const scales = this.#options.quantizeBias ? this.#scalesOf(bias, scaleRead) : undefined
    const integers = scales && integerBias(bias, scales.input, scales.weight)
    if (!integers) return this.#writeFloatBias(bias)
    const fresh = (suffix: string): string => this.#draft.freshName(`${bias.name}_quantized${suffix}`)
    const names = { quantized: fresh(''), scale: fresh('_scale'), zeroPoint: fresh('_zero_point') }
    const { dims } = bias.tensor
    const count = integers.scales.length
    const scaleDims = count > 1 ? [count] : []
    this.#draft.setInitializer(makeTensor(names.quantized, 'int32', dims, integers.values))
    this.#draft.setInitializer(makeTensor(names.scale, 'float32', scaleDims, integers.scales))
    this.#draft.setInitializer(makeTensor(names.zeroPoint, 'int32', scaleDims, new Int32Array(count)))
    const output = this.#dequantize(bias.name, names, count > 1 ? { axis: dims.length - 1 } : {})
    for (const { node, input } of [bias, ...bias.readers]) this.#read(node, input, output)
  }

  #writeFloatBias(bias: PlannedBias): void {
    if (bias.factor === 1) return
    const tensor = scaledTensor(bias)
    this.#draft.setInitializer(tensor)
    this.#read(bias.node, bias.input, tensor.name)
  }

  #dequantize(base: string, names: WeightNames, layout: Readonly<Record<string, number>>): string {
    const output = this.#draft.freshName(`${base}_DequantizeLinear_Output`)
    this.#draft.addNode({
      opType: 'DequantizeLinear',
      domain: this.#domain,
      name: `${base}_DequantizeLinear`,
      inputs: [names.quantized, names.scale, names.zeroPoint],
      outputs: [output],
      attributes: attributes(layout),
    })
    return output
  }

  #read(node: Node, input: number, name: string): void {
    const reads = this.#reads.get(node) ?? new Map<number, string>()
    reads.set(input, name)
    this.#reads.set(node, reads)
  }
}
