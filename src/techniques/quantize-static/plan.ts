// What static quantization does to a graph, as data: which values and constants get a quantized form, where their scales come from and
// who reads them. Two policies make plans (plan-fused.ts, plan-reference.ts), one writer carries them out (qdq-writer.ts).

import type { Graph } from '../../core/model/graph'
import type { TypeScope } from '../../core/model/infer-shapes'
import type { Node } from '../../core/model/node'
import type { Tensor } from '../../core/model/tensor'
import type { Note } from '../../core/pass/technique'
import { planFused } from './plan-fused'
import { planReference } from './plan-reference'
import type { StaticOptions } from './spec'

/** Where a quantized value has its scale and zero point from. */
export type ParamSource =
  /** Its own range. */
  | { readonly kind: 'own' }
  /** The value or constant of that name, in the form that `reader` gets, because integers pass through it unchanged. */
  | { readonly kind: 'shared'; readonly with: string; readonly reader: Node }

/** An input of a node. */
export interface Slot {
  readonly node: Node
  readonly input: number
}

/** A constant that is stored as integers. */
export interface PlannedConstant {
  readonly tensor: Tensor
  /** The values are multiplied with this first. */
  readonly factor: number
  /** `weight`: has the type of weights. `operand`: a constant that an elementwise operator reads, with the type of activations. */
  readonly role: 'weight' | 'operand'
  /** One scale per index along this axis; undefined: one for all. */
  readonly axis: number | undefined
  readonly readers: readonly Slot[]
}

/** A constant bias in the unit of the sums that it is added to: input scale · weight scale. */
export interface PlannedBias extends Slot {
  readonly tensor: Tensor
  readonly factor: number
  /** What the names of its tensors begin with: no other bias has it. */
  readonly name: string
  readonly activation: string
  /** A value where the weight is computed. */
  readonly weight: PlannedConstant | string
  /** Others that read what it becomes. */
  readonly readers: readonly Slot[]
}

export interface StaticPlan {
  /** Values that get a quantized form. */
  readonly activations: ReadonlyMap<string, ParamSource>
  /** Values whose range is that of another value, or known without measuring. */
  readonly ranges: ReadonlyMap<string, string | readonly [min: number, max: number]>
  readonly constants: readonly PlannedConstant[]
  readonly biases: readonly PlannedBias[]
  /** Nodes that were chosen to compute on quantized forms, in graph order. */
  readonly quantized: ReadonlySet<Node>
  /** Nodes that read the quantized forms of values and write what becomes one: `quantized`, and others where everybody does. */
  readonly rewired: ReadonlySet<Node>
  /** Relu and Clip nodes that go away: the quantized range of their output does their work. */
  readonly absorbed: ReadonlySet<Node>
  /** Attributes of Gemm nodes whose effect is folded into constants. */
  readonly folded: ReadonlyMap<Node, readonly string[]>
  readonly notes: readonly Note[]
}

/** Changes nothing and needs no ranges. */
export const planStatic = (graph: Graph, types: TypeScope, options: StaticOptions): StaticPlan =>
  options.placement === 'reference' ? planReference(graph, types, options) : planFused(graph, types, options)
