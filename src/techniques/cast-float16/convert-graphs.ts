// Rewrites the graphs of a model for float16: first every reader says which precision it wants, then each graph is rebuilt with the casts,
// converted weights and attributes that follow. The rules stand in `node-rule.ts`, the bookkeeping in `precision-scope.ts`.

import type { InferredTypes, TypeScope } from '../../core/model/infer-shapes'
import { dtypeCode } from '../../core/model/dtype'
import type { Graph } from '../../core/model/graph'
import { constantNodeTensor, indexGraph } from '../../core/model/graph-index'
import type { Model } from '../../core/model/model'
import { attributes, isOp, subgraphs, type Attribute, type Node } from '../../core/model/node'
import type { ValueInfo } from '../../core/model/shape'
import { makeTensor, type Tensor } from '../../core/model/tensor'
import { sortTopologically } from '../../core/model/topological-sort'
import { float16Tensor } from './convert-weights'
import { isFloat32, nodeRule, type NodeRule, type Precision, type RuleContext, type ValueFacts } from './node-rule'
import { PrecisionScope } from './precision-scope'

export interface Conversion {
  readonly model: Model
  readonly convertedWeights: number
  /** Names of weights with values beyond float16, and how many. */
  readonly clamped: ReadonlyMap<string, number>
  /** Operators left in float32, and why. */
  readonly blocked: readonly { readonly node: Node; readonly reason: string }[]
}

export interface ConversionRequest {
  readonly model: Model
  readonly types: InferredTypes
  readonly context: RuleContext
  readonly border: Precision
  /** Called before each graph and each weight. */
  readonly onItem: (name: string) => Promise<void>
}

export async function convertGraphs(request: ConversionRequest): Promise<Conversion> {
  const converter = new Converter(request)
  const model = await converter.run()
  const { clamped, blocked, convertedWeights } = converter
  return { model, clamped, blocked, convertedWeights }
}

class Converter {
  readonly clamped = new Map<string, number>()
  readonly blocked: { node: Node; reason: string }[] = []
  convertedWeights = 0
  readonly #request: ConversionRequest
  readonly #scopes = new Map<Graph, PrecisionScope>()
  readonly #rules = new Map<Node, NodeRule>()
  readonly #names: Set<string>

  constructor(request: ConversionRequest) {
    this.#request = request
    this.#names = allNames(request.model.graph)
  }

  async run(): Promise<Model> {
    const { model, types, border } = this.#request
    this.#open(model.graph, factsOf(model.graph, types), undefined, border)
    const graph = await this.#rebuild(model.graph)
    return { ...model, graph }
  }

  /** First sweep: scopes, rules and wants of a graph and its bodies. */
  #open(graph: Graph, values: ValueFacts, parent: PrecisionScope | undefined, border: Precision): void {
    const ruleOf = (node: Node): NodeRule => this.#ruleOf(node, values)
    const freshName = (base: string): string => this.#freshName(base)
    const scope = new PrecisionScope({ graph, types: values, parent, border, ruleOf, freshName })
    this.#scopes.set(graph, scope)
    for (const node of graph.nodes) {
      const rule = ruleOf(node)
      node.inputs.forEach((name, position) => {
        const wanted = rule.wants(position)
        if (wanted !== 'any' && isFloat32(values, name)) scope.want(name, wanted)
      })
      for (const { graph: body } of subgraphs(node)) {
        const types = this.#request.types.body(body) ?? UNKNOWN
        this.#open(body, factsOf(body, types, values), scope, 'float32')
      }
    }
    for (const { name } of graph.outputs) if (isFloat32(values, name)) scope.want(name, border)
  }

  #ruleOf(node: Node, values: ValueFacts): NodeRule {
    const known = this.#rules.get(node)
    if (known) return known
    const rule = nodeRule(node, values, this.#request.context)
    this.#rules.set(node, rule)
    const touchesFloats = [...node.inputs, ...node.outputs].some((name) => isFloat32(values, name))
    if (rule.blockedBy && touchesFloats) this.blocked.push({ node, reason: rule.blockedBy })
    return rule
  }

  /** Second sweep, bodies first: they may ask the graphs around them for casts. */
  async #rebuild(graph: Graph): Promise<Graph> {
    const scope = this.#scopes.get(graph) as PrecisionScope
    await this.#request.onItem(graph.name)
    const nodes: Node[] = []
    for (const node of graph.nodes) nodes.push(await this.#rebuildNode(node, scope))
    const outputs = graph.outputs.map((info) => this.#output(info, scope))
    const initializers = await this.#initializers(scope)
    return {
      ...graph,
      nodes: sortTopologically([...nodes, ...scope.newNodes], graph),
      inputs: graph.inputs.map((info) => withPrecision(info, scope.border)),
      outputs,
      initializers,
      valueInfos: this.#valueInfos(scope),
    }
  }

  async #rebuildNode(node: Node, scope: PrecisionScope): Promise<Node> {
    const rule = this.#rules.get(node) as NodeRule
    const inputs = node.inputs.map((name, position) => scope.read(name, rule.wants(position)))
    const outputs = node.outputs.map((name) => (name === '' ? name : scope.written(name)))
    const rebuilt = { ...node, inputs, outputs, attributes: await this.#attributes(node) }
    const [output = ''] = node.outputs
    if (rule.blockedBy || !scope.isFloat32(output) || scope.native(output) === 'float32') return rebuilt
    return this.#withFloat16Attributes(rebuilt, node, scope)
  }

  /** Attributes with converted bodies. */
  async #attributes(node: Node): Promise<ReadonlyMap<string, Attribute>> {
    if (subgraphs(node).length === 0) return node.attributes
    const converted = new Map<string, Attribute>()
    for (const [name, attribute] of node.attributes) {
      if (attribute.kind === 'graph') {
        converted.set(name, { ...attribute, value: await this.#rebuild(attribute.value) })
      } else if (attribute.kind === 'graphs') {
        const value: Graph[] = []
        for (const body of attribute.value) value.push(await this.#rebuild(body))
        converted.set(name, { ...attribute, value })
      } else converted.set(name, attribute)
    }
    return converted
  }

  /** Constants, casts and `ConstantOfShape` carry their type in an attribute. */
  #withFloat16Attributes(rebuilt: Node, node: Node, scope: PrecisionScope): Node {
    if (scope.isIdleCast(node)) return { ...rebuilt, opType: 'Identity', attributes: attributes({}) }
    if (isOp(node, 'Cast')) {
      const to = attributes({ to: dtypeCode('float16') })
      return { ...rebuilt, attributes: new Map([...node.attributes, ...to]) }
    }
    const tensor = isOp(node, 'Constant') ? constantNodeTensor(node) : fillValue(node)
    if (!tensor) return rebuilt
    const value = this.#convert(tensor, '')
    return { ...rebuilt, attributes: attributes({ value: { kind: 'tensor', value } }) }
  }

  async #initializers(scope: PrecisionScope): Promise<ReadonlyMap<string, Tensor>> {
    const converted = new Map<string, Tensor>()
    for (const [name, tensor] of scope.graph.initializers) {
      const isConverted = tensor.dtype === 'float32' && scope.native(name) === 'float16'
      if (isConverted) await this.#request.onItem(name)
      converted.set(name, isConverted ? this.#convert(tensor, name) : tensor)
    }
    for (const [name, tensor] of scope.copies) {
      await this.#request.onItem(name)
      converted.set(name, this.#convert(tensor, name))
    }
    return converted
  }

  #convert(tensor: Tensor, name: string): Tensor {
    const { tensor: converted, clampedCount } = float16Tensor(tensor, name)
    this.convertedWeights++
    if (clampedCount > 0) this.clamped.set(tensor.name, clampedCount)
    return converted
  }

  /** A body may hand out a value of an outer graph, under whatever name that has in the right precision. */
  #output(info: ValueInfo, scope: PrecisionScope): ValueInfo {
    const name = scope.defines(info.name) ? info.name : scope.read(info.name, scope.border)
    return withPrecision({ ...info, name }, scope.border)
  }

  #valueInfos(scope: PrecisionScope): ReadonlyMap<string, ValueInfo> {
    return new Map(
      [...scope.graph.valueInfos].map(([name, info]) => [
        name,
        scope.isFloat32(name) ? withPrecision(info, scope.native(name)) : info,
      ]),
    )
  }

  #freshName(base: string): string {
    let name = base
    for (let suffix = 1; this.#names.has(name); suffix++) name = `${base}_${suffix}`
    this.#names.add(name)
    return name
  }
}

const UNKNOWN: TypeScope = { type: () => undefined }

/** What rules ask about the values of a graph; `outside` answers for the graphs around it. */
export function factsOf(graph: Graph, types: TypeScope, outside?: ValueFacts): ValueFacts {
  const index = indexGraph(graph)
  return {
    type: (value) => types.type(value),
    constant: (value) => {
      const isOwn = index.isInput(value) || index.producer(value) !== undefined || graph.initializers.has(value)
      return isOwn ? index.constant(value) : outside?.constant(value)
    },
  }
}

/** What `ConstantOfShape` fills with: a float32 zero where it does not say. */
function fillValue(node: Node): Tensor | undefined {
  if (!isOp(node, 'ConstantOfShape')) return undefined
  const attribute = node.attributes.get('value')
  return attribute?.kind === 'tensor' ? attribute.value : makeTensor('', 'float32', [1], Float32Array.of(0))
}

function withPrecision(info: ValueInfo, precision: Precision): ValueInfo {
  const { type } = info
  if (precision === 'float32' || type?.kind !== 'tensor' || type.dtype !== 'float32') return info
  return { ...info, type: { ...type, dtype: precision } }
}

function allNames(graph: Graph): Set<string> {
  const names = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  for (const name of graph.initializers.keys()) names.add(name)
  for (const node of graph.nodes) {
    for (const name of [node.name, ...node.inputs, ...node.outputs]) names.add(name)
    for (const { graph: body } of subgraphs(node)) for (const name of allNames(body)) names.add(name)
  }
  return names
}
