// Writes a plan into the graph: QuantizeLinear/DequantizeLinear pairs around activations, DequantizeLinear behind integer weights and
// biases. Engines fuse each float operator between them into an integer kernel. Names follow the reference toolkit, so results compare.

import type { Graph } from '../../core/model/graph'
import { GraphDraft } from '../../core/model/graph-draft'
import { indexGraph, type GraphIndex } from '../../core/model/graph-index'
import type { TypeScope } from '../../core/model/infer-shapes'
import { nodeName, type Node } from '../../core/model/node'
import { makeTensor, tensorBytes, tensorCount, viewAs } from '../../core/model/tensor'
import { makeZeroPoint } from '../../core/numeric/quantize-weight'
import type { Note } from '../../core/pass/technique'
import { activationPairs, type ActivationPairs, type ParamNames } from './activation-pairs'
import type { ActivationParams, TypedParams } from './activation-params'
import { ConstantWriter } from './constant-writer'
import type { StaticPlan } from './plan'
import type { StaticOptions } from './spec'
import { conversionOf } from './tensor-format'

/** What the writer needs besides the graph and its plan. */
export interface WriterContext {
  readonly params: ReadonlyMap<string, ActivationParams>
  readonly types: TypeScope
  readonly options: StaticOptions
  /** Of QuantizeLinear and DequantizeLinear. */
  readonly domain: string
}

export class QdqWriter {
  /** Nodes of the graph that compute on quantized forms, and what became of them. */
  readonly rewired = new Map<Node, Node>()
  readonly #draft: GraphDraft
  readonly #index: GraphIndex
  readonly #plan: StaticPlan
  readonly #context: WriterContext
  readonly #constants: ConstantWriter
  readonly #paramNames = new Map<string, ParamNames>()
  readonly #pairs = new Map<string, ActivationPairs>()
  /** What makes a graph output that a DequantizeLinear writes. */
  readonly #renamed = new Map<string, string>()
  /** Output of an absorbed Relu or Clip, by its input. */
  readonly #absorbed: ReadonlyMap<string, string>

  constructor(graph: Graph, plan: StaticPlan, context: WriterContext) {
    this.#draft = new GraphDraft(graph)
    this.#index = indexGraph(graph)
    this.#plan = plan
    this.#context = context
    this.#constants = new ConstantWriter(this.#draft, plan, context.options, context.domain)
    this.#absorbed = new Map([...plan.absorbed].map(({ inputs, outputs }) => [inputs[0] ?? '', outputs[0] ?? '']))
  }

  get notes(): readonly Note[] {
    return this.#constants.notes
  }

  /** Call once per graph. `checkpoint` is awaited twice for each constant. */
  async write(checkpoint: (what: string) => Promise<void>): Promise<Graph> {
    const { activations, absorbed, rewired } = this.#plan
    for (const value of activations.keys()) this.#planPairs(value)
    await this.#constants.write((value, reader) => this.#scaleRead(value, reader), checkpoint)
    this.#draft.mapNodes((node) => {
      if (absorbed.has(node)) return undefined
      if (!rewired.has(node)) return node
      const next = this.#rewire(node)
      this.rewired.set(node, next)
      return next
    })
    this.#draft.redirectAll(this.#namesForOthers())
    for (const [value, { nodes, reads, others }] of this.#pairs) {
      for (const node of nodes) this.#draft.addNode(node)
      const type = this.#context.types.type(value)
      for (const name of new Set([...reads.values(), others])) {
        if (type && name !== value) this.#draft.setType(name, type)
      }
    }
    return this.#draft.finish()
  }

  #planPairs(value: string): void {
    const { options, domain } = this.#context
    const receivers = this.#index.consumers(value).filter((node) => this.#plan.quantized.has(node))
    const isDedicated = options.dedicatedPairs && receivers.length > 1
    if (this.#index.isOutput(value) && this.#isMadeAsInteger(value) && !isDedicated) {
      this.#renamed.set(value, this.#draft.freshName(`${value}_QuantizeLinear_Input`))
    }
    this.#pairs.set(
      value,
      activationPairs({
        value,
        params: this.#paramsOf(value),
        converted: this.#convertedParams(value, receivers),
        receivers,
        renamed: this.#renamed.get(value),
        isDedicated,
        domain,
        freshName: (base) => this.#draft.freshName(base),
      }),
    )
  }

  #isMadeAsInteger(value: string): boolean {
    const producer = this.#index.producer(value)
    return producer !== undefined && (this.#plan.rewired.has(producer) || this.#plan.absorbed.has(producer))
  }

  /** Where integers were made, everybody reads them; where the value was float, only integer operators read its rounded form. */
  #namesForOthers(): ReadonlyMap<string, string> {
    const names = [...this.#pairs].map(([value, { others }]) => [value, others] as const)
    return new Map(names.filter(([value, others]) => value !== others && this.#isMadeAsInteger(value)))
  }

  #rewire(node: Node): Node {
    const inputs = this.#constants.inputsOf(node).map((name) => {
      const pairs = this.#pairs.get(name)
      return pairs ? (pairs.reads.get(node) ?? pairs.others) : name
    })
    const folded = this.#constants.floatNodes.has(node) ? [] : (this.#plan.folded.get(node) ?? [])
    const attributes = new Map([...node.attributes].filter(([name]) => !folded.includes(name)))
    return { ...node, inputs, outputs: node.outputs.map((output) => this.#outputName(output)), attributes }
  }

  #outputName(output: string): string {
    let value = output
    for (let next = this.#absorbed.get(value); next !== undefined; next = this.#absorbed.get(value)) value = next
    return this.#renamed.get(value) ?? value
  }

  #paramsOf(value: string): ParamNames {
    const source = this.#plan.activations.get(value)
    if (source?.kind === 'shared') {
      const names = this.#constants.paramNamesOf(source.reader)
      if (names) return names
      return this.#getsConverted(source.with, source.reader)
        ? this.#initializers(source.with, '_convert', this.#context.params.get(source.with)?.converted)
        : this.#paramsOf(source.with)
    }
    return this.#initializers(value, '', this.#context.params.get(value)?.own)
  }

  #convertedParams(value: string, receivers: readonly Node[]) {
    const converted = this.#context.params.get(value)?.converted
    if (!converted) return undefined
    const names = this.#initializers(value, '_convert', converted)
    return { ...names, receivers: new Set(receivers.filter((node) => this.#getsConverted(value, node))) }
  }

  #getsConverted(value: string, reader: Node): boolean {
    const conversion = conversionOf(value, this.#context.options)
    return conversion !== undefined && (conversion.receivers?.has(nodeName(reader)) ?? true)
  }

  #initializers(value: string, suffix: string, params: TypedParams | undefined): ParamNames {
    const key = `${value}${suffix}`
    const known = this.#paramNames.get(key)
    if (known || !params) return known ?? { scale: '', zeroPoint: '' }
    const draft = this.#draft
    const names = {
      scale: draft.freshName(`${value}_scale${suffix}`),
      zeroPoint: draft.freshName(`${value}_zero_point${suffix}`),
    }
    draft.setInitializer(makeTensor(names.scale, 'float32', [], Float32Array.of(params.scale)))
    draft.setInitializer(makeZeroPoint(names.zeroPoint, params.dtype, [], [params.zeroPoint]))
    this.#paramNames.set(key, names)
    return names
  }

  #scaleRead(value: string, reader: Node): number | undefined {
    const source = this.#plan.activations.get(value)
    if (!source) return this.#storedScale(value)
    const params = this.#context.params.get(value)
    if (params?.converted && this.#getsConverted(value, reader)) return params.converted.scale
    if (source.kind === 'own') return params?.own?.scale
    return this.#constants.scaleOf(source.reader) ?? this.#scaleRead(source.with, source.reader)
  }

  /** Of a value that was quantized before. */
  #storedScale(value: string): number | undefined {
    const producer = this.#index.producer(value)
    const tensor = producer?.opType === 'DequantizeLinear' ? this.#index.constant(producer.inputs[1] ?? '') : undefined
    if (tensor?.dtype !== 'float32' || tensorCount(tensor) !== 1) return undefined
    return viewAs(tensorBytes(tensor), Float32Array)[0]
  }
}
