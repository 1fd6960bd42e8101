// A plan in the making, with what both policies do alike: constants are gathered by what they are quantized to, a bias that several
// nodes share gets a name for each, and the factors of a Gemm go into its constants.

import type { Graph } from '../../core/model/graph'
import { indexGraph, type GraphIndex } from '../../core/model/graph-index'
import type { TypeScope } from '../../core/model/infer-shapes'
import { floatAttribute, isOp, nodeLabel, subgraphs, type Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import type { Note } from '../../core/pass/technique'
import type { ParamSource, PlannedBias, PlannedConstant, Slot, StaticPlan } from './plan'
import { isFloat32 } from './roles'
import type { StaticOptions } from './spec'
import { channelAxis, overridesOf } from './tensor-format'

interface GatheredConstant extends PlannedConstant {
  readonly readers: Slot[]
}
interface GatheredBias extends PlannedBias {
  readonly readers: Slot[]
}

const isSameSlot = (a: Slot, b: Slot): boolean => a.node === b.node && a.input === b.input

export class PlanDraft {
  readonly index: GraphIndex
  readonly activations = new Map<string, ParamSource>()
  readonly ranges = new Map<string, string | readonly [number, number]>()
  readonly absorbed = new Set<Node>()
  readonly quantized = new Set<Node>()
  readonly notes: Note[] = []
  readonly #graph: Graph
  readonly #types: TypeScope
  readonly #options: StaticOptions
  readonly #constants = new Map<string, GatheredConstant>()
  /** The first of the quantized forms of each constant. */
  readonly #firstForms = new Map<string, GatheredConstant>()
  readonly #biases: GatheredBias[] = []
  readonly #firstBiases = new Map<string, GatheredBias>()
  readonly #folded = new Map<Node, readonly string[]>()

  constructor(graph: Graph, types: TypeScope, options: StaticOptions) {
    this.index = indexGraph(graph)
    this.#graph = graph
    this.#types = types
    this.#options = options
  }

  isFloat(value: string): boolean {
    return isFloat32(this.#types, value)
  }

  /** The float32 constant behind an input of a node. */
  constantAt({ inputs }: Node, input: number): Tensor | undefined {
    const tensor = this.index.constant(inputs[input] ?? '')
    return tensor?.dtype === 'float32' ? tensor : undefined
  }

  skip(node: Node, reason: string): void {
    const subject = nodeLabel(node)
    this.notes.push({ kind: 'skipped', subject, text: `${node.opType} "${subject}" ${reason}` })
  }

  /** The same constant is stored once for all readers that want it alike. */
  addConstant(tensor: Tensor, reader: Slot, how: Pick<PlannedConstant, 'role' | 'axis'>, factor = 1): PlannedConstant {
    const key = JSON.stringify([tensor.name, how.role, how.axis ?? null, factor])
    const constant = this.#constants.get(key) ?? { tensor, factor, ...how, readers: [] }
    this.#constants.set(key, constant)
    if (!this.#firstForms.has(tensor.name)) this.#firstForms.set(tensor.name, constant)
    if (!constant.readers.some((slot) => isSameSlot(slot, reader))) constant.readers.push(reader)
    return constant
  }

  /** The quantized form of the constant that the node reads: its own, or else the first. */
  constantRead(node: Node, input: number): PlannedConstant | undefined {
    const name = node.inputs[input] ?? ''
    if (!this.#firstForms.has(name)) return undefined
    const own = [...this.#constants.values()].find(({ readers }) =>
      readers.some((slot) => isSameSlot(slot, { node, input })),
    )
    return own ?? this.#firstForms.get(name)
  }

  hasConstant(name: string): boolean {
    return this.#firstForms.has(name)
  }

  hasBias(name: string): boolean {
    return this.#firstBiases.has(name)
  }

  /**
   * Whoever reads a quantized constant or bias without having said how, reads its first form, so that the float one need not stay in the
   * file.
   */
  shareConstants(nodes: readonly Node[]): void {
    const slots = [...[...this.#constants.values()].flatMap(({ readers }) => readers), ...this.#biases]
    for (const node of nodes) {
      node.inputs.forEach((name, input) => {
        const form = this.#firstForms.get(name) ?? this.#firstBiases.get(name)
        if (form && !slots.some((slot) => isSameSlot(slot, { node, input }))) form.readers.push({ node, input })
      })
    }
  }

  /** A bias with overrides is a weight like others. */
  addBias(tensor: Tensor, slot: Slot, parts: Pick<PlannedBias, 'activation' | 'weight' | 'factor'>): void {
    if (overridesOf(tensor.name, this.#options).length > 0) {
      this.addConstant(tensor, slot, { role: 'weight', axis: channelAxis(tensor, 0, this.#options) }, parts.factor)
      return
    }
    const bias = { ...slot, tensor, name: this.#biasName(tensor.name), readers: [], ...parts }
    if (!this.hasBias(tensor.name)) this.#firstBiases.set(tensor.name, bias)
    this.#biases.push(bias)
  }

  /** Reference: the second use of "b" is called "b0", or a number above the largest in use. */
  #biasName(base: string): string {
    if (!this.hasBias(base)) return base
    const names = [...this.#graph.initializers.keys(), ...this.#biases.map(({ name }) => name)]
    const suffixes = names.flatMap((name) => (name.startsWith(base) ? [name.slice(base.length)] : []))
    const numbers = suffixes.filter((suffix) => /^\d+$/.test(suffix)).map(Number)
    return `${base}${Math.max(-1, ...numbers) + 1}`
  }

  /** alpha of a Gemm goes into its weight and beta into its bias: returns the factors of those constants. */
  foldFactors(node: Node, wants: { readonly alpha: boolean; readonly beta: boolean }): { alpha: number; beta: number } {
    if (!isOp(node, 'Gemm')) return { alpha: 1, beta: 1 }
    this.#folded.set(node, [...(wants.alpha ? ['alpha'] : []), ...(wants.beta ? ['beta'] : [])])
    return {
      alpha: wants.alpha ? floatAttribute(node, 'alpha', 1) : 1,
      beta: wants.beta ? floatAttribute(node, 'beta', 1) : 1,
    }
  }

  noteBodies(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const inside = subgraphs(node).reduce((sum, { graph }) => sum + graph.nodes.length, 0)
      if (inside === 0) continue
      const subject = nodeLabel(node)
      const text = `${inside} operators inside ${node.opType} "${subject}" stay in float: their ranges cannot be measured.`
      this.notes.push({ kind: 'skipped', subject, text })
    }
  }

  finish(rewired: ReadonlySet<Node>): StaticPlan {
    const { activations, ranges, absorbed, quantized, notes } = this
    const constants = [...this.#constants.values()]
    return {
      activations,
      ranges,
      constants,
      biases: this.#biases,
      quantized,
      rewired,
      absorbed,
      folded: this.#folded,
      notes,
    }
  }
}
