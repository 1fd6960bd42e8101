// The values of one graph under conversion: who defines them, which precision they are computed in, who wants which, and under which
// name each precision is to be had. Scopes nest as graphs do; a value belongs to the graph that defines it, and so do its casts.

import type { TypeScope } from '../../core/model/infer-shapes'
import { dtypeCode } from '../../core/model/dtype'
import type { Graph } from '../../core/model/graph'
import { constantNodeTensor } from '../../core/model/graph-index'
import { attributes, isOp, type Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import { isFloat32, isIdleCast, type NodeRule, type Precision } from './node-rule'

export interface ScopeRequest {
  readonly graph: Graph
  readonly types: TypeScope
  readonly parent: PrecisionScope | undefined
  /** Precision of the float32 inputs and outputs of the graph. */
  readonly border: Precision
  readonly ruleOf: (node: Node) => NodeRule
  /** Makes a name that no value or node of the model has. */
  readonly freshName: (base: string) => string
}

export class PrecisionScope {
  readonly graph: Graph
  readonly border: Precision
  readonly #request: ScopeRequest
  /** What defines each value of this graph. */
  readonly #given = new Map<string, Precision | 'flexible'>()
  readonly #constants = new Map<string, Tensor>()
  readonly #wanted = new Map<string, Set<Precision>>()
  readonly #outputs: ReadonlySet<string>
  /** `value|precision` → name, for what was made besides the value itself. */
  readonly #names = new Map<string, string>()
  /** Casts and converted copies that the graph needs. */
  readonly newNodes: Node[] = []
  /** Constants that are wanted in float16 as well: new name → original. */
  readonly copies = new Map<string, Tensor>()

  constructor(request: ScopeRequest) {
    this.#request = request
    this.graph = request.graph
    this.border = request.border
    this.#outputs = new Set(request.graph.outputs.map(({ name }) => name))
    for (const [name, tensor] of this.graph.initializers) {
      this.#given.set(name, 'flexible')
      this.#constants.set(name, tensor)
    }
    for (const { name } of this.graph.inputs) {
      this.#given.set(name, this.border)
      this.#constants.delete(name)
    }
    for (const node of this.graph.nodes) this.#addOutputs(node)
  }

  defines(value: string): boolean {
    return this.#given.has(value)
  }

  isFloat32(value: string): boolean {
    return isFloat32(this.#request.types, value)
  }

  isIdleCast(node: Node): boolean {
    return isIdleCast(node, this.#request.types)
  }

  /** Notes that somebody in this graph or a body of it reads the value in that precision. */
  want(value: string, precision: Precision): void {
    const owner = this.#ownerOf(value)
    if (!owner) return
    const wanted = owner.#wanted.get(value)
    if (wanted) wanted.add(precision)
    else owner.#wanted.set(value, new Set([precision]))
  }

  /** The name under which to read the value in that precision; makes what is missing. Call it after all wants are known. */
  read(value: string, precision: Precision | 'any'): string {
    if (!this.isFloat32(value)) return value
    const owner = this.#ownerOf(value)
    return owner ? owner.#version(value, precision) : value
  }

  /** The precision in which the value itself is computed, of a value that this graph defines. */
  native(value: string): Precision {
    const given = this.#given.get(value) ?? 'float32'
    if (given !== 'flexible') return given
    if (this.#outputs.has(value)) return this.border
    // Nothing is lost by keeping a constant or a cast in float32 where somebody needs that.
    return this.#wanted.get(value)?.has('float32') ? 'float32' : 'float16'
  }

  /** The name the producer writes: another one where an output of the graph has to be converted behind it. */
  written(value: string): string {
    if (!this.isFloat32(value)) return value
    return this.#version(value, this.native(value))
  }

  #version(value: string, precision: Precision | 'any'): string {
    const native = this.native(value)
    const isConvertedOutput = this.#outputs.has(value) && native !== this.border
    if (precision === 'any' || precision === native) {
      return isConvertedOutput ? this.#name(value, native, () => this.#convertOutput(value, native)) : value
    }
    if (isConvertedOutput) {
      this.#version(value, native)
      return value
    }
    return this.#name(value, precision, (name) => this.#make(value, precision, name))
  }

  #name(value: string, precision: Precision, make: (name: string) => void): string {
    const key = `${precision} ${value}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = this.#request.freshName(`${value}_${precision === 'float16' ? 'fp16' : 'fp32'}`)
    this.#names.set(key, name)
    make(name)
    return name
  }

  #convertOutput(value: string, native: Precision): void {
    this.#addCast(this.#names.get(`${native} ${value}`) ?? value, value, this.border)
  }

  #make(value: string, precision: Precision, name: string): void {
    const constant = this.#constants.get(value)
    if (constant && precision === 'float16') this.copies.set(name, constant)
    else this.#addCast(value, name, precision)
  }

  #addCast(from: string, to: string, precision: Precision): void {
    this.newNodes.push({
      name: this.#request.freshName(`${to}_Cast`),
      opType: 'Cast',
      domain: '',
      inputs: [from],
      outputs: [to],
      attributes: attributes({ to: dtypeCode(precision) }),
    })
  }

  #addOutputs(node: Node): void {
    const rule = this.#request.ruleOf(node)
    const constant = isOp(node, 'Constant') ? constantNodeTensor(node) : undefined
    node.outputs.forEach((output, position) => {
      if (output === '') return
      this.#given.set(output, rule.gives(position))
      if (constant) this.#constants.set(output, constant)
    })
  }

  #ownerOf(value: string): PrecisionScope | undefined {
    if (this.#given.has(value)) return this
    const { parent } = this.#request
    return parent && parent.#ownerOf(value)
  }
}
