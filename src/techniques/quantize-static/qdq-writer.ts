// Writes a plan into the graph: QuantizeLinear/DequantizeLinear pairs around activations, DequantizeLinear behind integer weights and
// biases. Engines fuse each float operator between them into an integer kernel. Names follow the reference toolkit, so results compare.

import type { Graph } from '../../core/model/graph'
import { GraphDraft } from '../../core/model/graph-draft'
import { indexGraph, type GraphIndex } from '../../core/model/graph-index'
import type { TypeScope } from '../../core/model/infer-shapes'
import { attributes, nodeLabel, type Node } from '../../core/model/node'
import { makeTensor, type Tensor } from '../../core/model/tensor'
import type { QuantParams } from '../../core/numeric/quant-params'
import { makeZeroPoint, quantizeWeight } from '../../core/numeric/quantize-weight'
import type { Note } from '../../core/pass/technique'
import { paramOwner } from './activation-params'
import { integerBias, integerWeight, withoutFactors, type IntegerBias, type IntegerWeight } from './layer-weights'
import { isQuantized, type StaticPlan } from './plan'
import type { Layer } from './roles'
import type { StaticOptions } from './spec'

/** Scale and zero point initializers of a value. */
interface ParamNames {
  readonly scale: string
  readonly zeroPoint: string
}

export class QdqWriter {
  readonly notes: Note[] = []
  readonly #draft: GraphDraft
  readonly #index: GraphIndex
  readonly #plan: StaticPlan
  readonly #params: ReadonlyMap<string, QuantParams>
  readonly #types: TypeScope
  readonly #options: StaticOptions
  readonly #paramNames = new Map<string, ParamNames>()
  /** Output of the DequantizeLinear of an activation. */
  readonly #dequantized = new Map<string, string>()
  readonly #constants = new Map<string, string>()
  /** Output of an absorbed Relu or Clip, by its input. */
  readonly #absorbed: ReadonlyMap<string, string>

  constructor(
    graph: Graph,
    plan: StaticPlan,
    params: ReadonlyMap<string, QuantParams>,
    types: TypeScope,
    options: StaticOptions,
  ) {
    this.#draft = new GraphDraft(graph)
    this.#index = indexGraph(graph)
    this.#plan = plan
    this.#params = params
    this.#types = types
    this.#options = options
    this.#absorbed = new Map([...plan.absorbed].map(({ inputs, outputs }) => [inputs[0] ?? '', outputs[0] ?? '']))
  }

  /** Call once per graph. `checkpoint` is awaited before each layer. */
  async write(checkpoint: (what: string) => Promise<void>): Promise<Graph> {
    for (const value of this.#plan.activations.keys()) this.#nameActivation(value)
    const edited = new Map<Node, Node | undefined>()
    for (const node of [...this.#draft.nodes]) {
      const layer = this.#plan.layers.get(node)
      if (layer) await checkpoint(nodeLabel(node))
      if (this.#plan.absorbed.has(node)) edited.set(node, undefined)
      else if (layer) edited.set(node, this.#outputsOf(this.#writeLayer(node, layer)))
      else if (this.#plan.followers.has(node)) edited.set(node, this.#outputsOf(this.#writeFollower(node)))
    }
    this.#draft.mapNodes((node) => (edited.has(node) ? edited.get(node) : node))
    this.#draft.redirectAll(this.#namesForFloatReaders())
    for (const value of this.#plan.activations.keys()) this.#writePair(value)
    return this.#draft.finish()
  }

  #nameActivation(value: string): void {
    const output = `${value}_DequantizeLinear_Output`
    this.#dequantized.set(value, this.#isWrittenByPair(value) ? value : this.#draft.freshName(output))
  }

  /** A graph output keeps its name, so its DequantizeLinear writes it and the node before gets another output name. */
  #isWrittenByPair(value: string): boolean {
    return this.#index.isOutput(value) && this.#isMadeAsInteger(value)
  }

  #isMadeAsInteger(value: string): boolean {
    const producer = this.#index.producer(value)
    return producer !== undefined && isQuantized(this.#plan, producer)
  }

  /** Where integers were made, everybody reads them; where the value was float, only integer operators read its rounded form. */
  #namesForFloatReaders(): ReadonlyMap<string, string> {
    return new Map([...this.#dequantized].filter(([value, output]) => value !== output && this.#isMadeAsInteger(value)))
  }

  #writePair(value: string): void {
    const draft = this.#draft
    const { scale, zeroPoint } = this.#namesOfParams(paramOwner(value, this.#plan.activations))
    const output = this.#dequantized.get(value) ?? ''
    const integers = draft.freshName(`${value}_QuantizeLinear_Output`)
    draft.addNode({
      opType: 'QuantizeLinear',
      name: `${value}_QuantizeLinear`,
      inputs: [this.#isWrittenByPair(value) ? this.#renamedOutput(value) : value, scale, zeroPoint],
      outputs: [integers],
    })
    draft.addNode({
      opType: 'DequantizeLinear',
      name: `${value}_DequantizeLinear`,
      inputs: [integers, scale, zeroPoint],
      outputs: [output],
    })
    const type = this.#types.type(value)
    if (type && output !== value) draft.setType(output, type)
  }

  readonly #renamed = new Map<string, string>()
  #renamedOutput(value: string): string {
    const known = this.#renamed.get(value)
    if (known !== undefined) return known
    const name = this.#draft.freshName(`${value}_QuantizeLinear_Input`)
    this.#renamed.set(value, name)
    return name
  }

  #outputsOf(node: Node): Node {
    const outputs = node.outputs.map((output) => {
      let value = output
      for (let next = this.#absorbed.get(value); next !== undefined; next = this.#absorbed.get(value)) value = next
      return this.#plan.activations.has(value) && this.#isWrittenByPair(value) ? this.#renamedOutput(value) : value
    })
    return { ...node, outputs }
  }

  #namesOfParams(owner: string): ParamNames {
    const known = this.#paramNames.get(owner)
    if (known) return known
    const draft = this.#draft
    const names = { scale: draft.freshName(`${owner}_scale`), zeroPoint: draft.freshName(`${owner}_zero_point`) }
    const { scale, zeroPoint } = this.#paramsOf(owner)
    draft.setInitializer(makeTensor(names.scale, 'float32', [], Float32Array.of(scale)))
    draft.setInitializer(makeZeroPoint(names.zeroPoint, this.#options.activationType, [], [zeroPoint]))
    this.#paramNames.set(owner, names)
    return names
  }

  #paramsOf(value: string): QuantParams {
    return this.#params.get(paramOwner(value, this.#plan.activations)) ?? { scale: 1, zeroPoint: 0 }
  }

  #writeFollower(node: Node): Node {
    const inputs = node.inputs.map((name) => this.#dequantized.get(name) ?? this.#constantOperand(node, name) ?? name)
    return { ...node, inputs }
  }

  /** A constant that an Add, Mul or Concat computes with, or a constant left factor: quantized like an activation. */
  #constantOperand(node: Node, name: string): string | undefined {
    const tensor = COMPUTES_WITH_CONSTANTS.has(node.opType) ? this.#index.constant(name) : undefined
    if (tensor?.dtype !== 'float32') return undefined
    return this.#operand(tensor)
  }

  #operand(tensor: Tensor): string | undefined {
    const known = this.#constants.get(tensor.name)
    if (known !== undefined) return known
    const names = this.#weightNames(tensor.name)
    const format = { dtype: this.#options.activationType, isSymmetric: false }
    const parts = quantizeWeight(tensor, format, names)
    if (!parts) return undefined
    for (const part of [parts.quantized, parts.scale, parts.zeroPoint]) this.#draft.setInitializer(part)
    const output = this.#dequantize(tensor.name, [names.quantized, names.scale, names.zeroPoint], undefined)
    this.#constants.set(tensor.name, output)
    return output
  }

  #weightNames(base: string): { quantized: string; scale: string; zeroPoint: string } {
    const fresh = (suffix: string): string => this.#draft.freshName(`${base}_${suffix}`)
    return { quantized: fresh('quantized'), scale: fresh('scale'), zeroPoint: fresh('zero_point') }
  }

  #dequantize(base: string, inputs: readonly string[], axis: number | undefined): string {
    const output = this.#draft.freshName(`${base}_DequantizeLinear_Output`)
    this.#draft.addNode({
      opType: 'DequantizeLinear',
      name: `${base}_DequantizeLinear`,
      inputs,
      outputs: [output],
      attributes: attributes(axis === undefined ? {} : { axis }),
    })
    return output
  }

  #writeLayer(original: Node, planned: Layer): Node {
    const { node, layer } = withoutFactors(original, planned)
    const inputs = node.inputs.map((name) => this.#dequantized.get(name) ?? name)
    if (layer.left) inputs[0] = this.#operand(layer.left) ?? inputs[0] ?? ''
    if (!layer.weight) return { ...node, inputs }
    const inputScale = this.#paramsOf(node.inputs[0] ?? '').scale
    const weight = integerWeight(layer.weight, layer.bias, inputScale)
    if (!weight) return this.#keepFloat(original)
    inputs[layer.weight.input] = this.#weight(layer.weight.tensor.name, weight)
    if (!layer.bias) return { ...node, inputs }
    const integers = this.#options.quantizeBias ? integerBias(layer.bias, inputScale, weight.scales) : undefined
    inputs[2] = integers ? this.#bias(layer.bias.name, integers) : this.#floatBias(layer.bias)
    return { ...node, inputs }
  }

  /** Its neighbours keep their quantized forms; the operator itself computes in float with the weight as it is. */
  #keepFloat(node: Node): Node {
    const subject = nodeLabel(node)
    const text = `${node.opType} "${subject}" computes in float: its weight or bias is not finite, or the two are too far apart for integers.`
    this.notes.push({ kind: 'warning', subject, text })
    return { ...node, inputs: node.inputs.map((name) => this.#dequantized.get(name) ?? name) }
  }

  #weight(base: string, weight: IntegerWeight): string {
    const { values, dims, axis, scales, isWidened } = weight
    const key = `${base}|${axis ?? 'tensor'}`
    const known = isWidened ? undefined : this.#constants.get(key)
    if (known !== undefined) return known
    const names = this.#weightNames(base)
    const scaleDims = axis === undefined ? [] : [scales.length]
    this.#draft.setInitializer(makeTensor(names.quantized, 'int8', dims, values))
    this.#draft.setInitializer(makeTensor(names.scale, 'float32', scaleDims, scales))
    this.#draft.setInitializer(makeTensor(names.zeroPoint, 'int8', scaleDims, new Int8Array(scales.length)))
    const output = this.#dequantize(base, [names.quantized, names.scale, names.zeroPoint], axis)
    if (!isWidened) this.#constants.set(key, output)
    return output
  }

  /** Scale and zero point have the same shape: some engines refuse a vector beside a scalar. */
  #bias(base: string, { values, dims, scales }: IntegerBias): string {
    const fresh = (suffix: string): string => this.#draft.freshName(`${base}_quantized${suffix}`)
    const names = { quantized: fresh(''), scale: fresh('_scale'), zeroPoint: fresh('_zero_point') }
    const isPerElement = scales.length > 1
    const scaleDims = isPerElement ? [scales.length] : []
    this.#draft.setInitializer(makeTensor(names.quantized, 'int32', dims, values))
    this.#draft.setInitializer(makeTensor(names.scale, 'float32', scaleDims, scales))
    this.#draft.setInitializer(makeTensor(names.zeroPoint, 'int32', scaleDims, new Int32Array(scales.length)))
    return this.#dequantize(
      base,
      [names.quantized, names.scale, names.zeroPoint],
      isPerElement ? dims.length - 1 : undefined,
    )
  }

  #floatBias(bias: Tensor): string {
    if (this.#index.constant(bias.name)) return bias.name
    if (!this.#draft.initializers.has(bias.name)) this.#draft.setInitializer(bias)
    return bias.name
  }
}

const COMPUTES_WITH_CONSTANTS: ReadonlySet<string> = new Set(['Add', 'Mul', 'Concat'])
