// What a rule sees of a node and what it answers. A rule knows one operator: from facts about its inputs it derives facts about its
// outputs, and answers undefined wherever it cannot know. It may throw `model/invalid` (a wrong attribute); the engine notes that.

import type { DType } from '../dtype'
import type { Graph } from '../graph'
import { intsAttribute, type Node } from '../node'
import type { Dim, Shape, ValueType } from '../shape'
import type { SmallTensor } from './small-tensor'

/** What is known about a tensor: any part may be missing, other than in a `ValueType`, which cannot have a shape alone. */
export interface TensorFacts {
  readonly kind: 'tensor'
  readonly dtype: DType | undefined
  readonly shape: Shape | undefined
  /** The contents, of small integer, boolean and scalar tensors that do not depend on data. */
  readonly value?: SmallTensor | undefined
}
export type Facts = TensorFacts | Exclude<ValueType, { readonly kind: 'tensor' }>

export interface NodeContext {
  readonly node: Node
  /** Version of the node's domain. */
  readonly opset: number
  /** Number of inputs, omitted ones in between included. */
  readonly inputCount: number
  /** The input is there, not omitted. */
  has(input: number): boolean
  facts(input: number): Facts | undefined
  dtype(input: number): DType | undefined
  shape(input: number): Shape | undefined
  value(input: number): SmallTensor | undefined
  /** Infers a body of the node. `inputs` are what flows into the body's inputs, in order; answers the facts of its outputs. */
  inferBody(body: Graph, inputs: readonly (Facts | undefined)[]): readonly (Facts | undefined)[]
}

/** Facts of the outputs, in order; trailing ones may be left out. */
export type Rule = (context: NodeContext) => readonly (Facts | undefined)[]
export type RuleTable = Readonly<Record<string, Rule>>

export const tensorFacts = (
  dtype: DType | undefined,
  shape: Shape | undefined,
  value?: SmallTensor | undefined,
): TensorFacts => ({ kind: 'tensor', dtype, shape, value })

/** Facts of an input without its contents. */
export function typeOnly(facts: Facts | undefined): Facts | undefined {
  return facts?.kind === 'tensor' ? tensorFacts(facts.dtype, facts.shape) : facts
}

/** The output has the type and shape of an input. */
export const sameAs =
  (input = 0): Rule =>
  (context) => [typeOnly(context.facts(input))]

/** Integers that an operator takes as an attribute in old opsets and as an input in new ones. */
export type IntegerList = readonly number[] | 'absent' | 'unknown'

export function integersOf(context: NodeContext, attribute: string, input: number): IntegerList {
  const given = context.node.attributes.get(attribute)
  // Ends of a slice may be the largest int64; rounded to a double they still mean "to the end".
  if (given?.kind === 'ints') return given.value.map(Number)
  if (given) return intsAttribute(context.node, attribute) ?? 'absent'
  if (!context.has(input)) return 'absent'
  if (context.shape(input)?.[0] === 0) return []
  return allNumbers(context.value(input)?.items) ?? 'unknown'
}

/** The items when every one is a known number. */
export function allNumbers(items: readonly Dim[] | undefined): readonly number[] | undefined {
  return items?.every((item) => typeof item === 'number') ? items : undefined
}

/** The one number that an input holds, if that is known. */
export function scalarOf(context: NodeContext, input: number): number | undefined {
  const item = context.value(input)?.items[0]
  return typeof item === 'number' ? item : undefined
}
