// Sequences and optionals: the element's type passes through; nothing is known about lengths.

import { intAttribute } from '../node'
import type { ValueType } from '../shape'
import { frontAxis, uniteShapes, withDim } from './dims'
import { typeOfFacts } from './facts'
import { dtypeAttribute } from './generate.table'
import { tensorFacts, type Facts, type NodeContext, type Rule, type RuleTable } from './rule'

function elementOf(facts: Facts | undefined): ValueType | undefined {
  return facts?.kind === 'sequence' || facts?.kind === 'optional' ? facts.element : undefined
}

const sequenceFacts = (element: ValueType | undefined): Facts =>
  element ? { kind: 'sequence', element } : { kind: 'sequence' }

const factsOfElement = (element: ValueType | undefined): Facts | undefined =>
  element?.kind === 'tensor' ? tensorFacts(element.dtype, element.shape) : element

/** One element type for two: the same data type, what the shapes share. */
function uniteElements(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a?.kind !== 'tensor' || b?.kind !== 'tensor') return a ?? b
  return { kind: 'tensor', dtype: a.dtype, shape: uniteShapes(a.shape, b.shape) }
}

const construct: Rule = (context) => {
  const elements = Array.from({ length: context.inputCount }, (_, input) => typeOfFacts(context.facts(input)))
  const isKnown = elements.every((element) => element !== undefined)
  const united = elements.reduce(uniteElements, elements[0])
  return [sequenceFacts(isKnown ? united : withoutShape(united))]
}

const insert: Rule = (context) => {
  const sequence = elementOf(context.facts(0))
  const added = typeOfFacts(context.facts(1))
  return [sequenceFacts(sequence && added ? uniteElements(sequence, added) : withoutShape(sequence ?? added))]
}

const withoutShape = (type: ValueType | undefined): ValueType | undefined =>
  type?.kind === 'tensor' ? { kind: 'tensor', dtype: type.dtype } : type

const empty: Rule = (context) => [
  sequenceFacts({ kind: 'tensor', dtype: dtypeAttribute(context, 'dtype') ?? 'float32' }),
]

const splitToSequence: Rule = (context) => {
  const dtype = context.dtype(0)
  const shape = context.shape(0)
  const axis = shape && frontAxis(intAttribute(context.node, 'axis', 0), shape.length)
  const removesAxis = !context.has(1) && intAttribute(context.node, 'keepdims', 1) === 0
  const part =
    shape && axis !== undefined
      ? removesAxis
        ? shape.toSpliced(axis, 1)
        : withDim(shape, axis, context.has(1) ? null : 1)
      : undefined
  return [sequenceFacts(dtype && { kind: 'tensor', dtype, shape: part })]
}

const concatFromSequence: Rule = (context) => {
  const element = elementOf(context.facts(0))
  if (element?.kind !== 'tensor') return []
  const isNewAxis = intAttribute(context.node, 'new_axis', 0) === 1
  const rank = element.shape && element.shape.length + (isNewAxis ? 1 : 0)
  const axis = rank === undefined ? undefined : frontAxis(intAttribute(context.node, 'axis', 0), rank)
  if (axis === undefined || !element.shape) return [tensorFacts(element.dtype, undefined)]
  const shape = isNewAxis ? element.shape.toSpliced(axis, 0, null) : withDim(element.shape, axis, null)
  return [tensorFacts(element.dtype, shape)]
}

const optional: Rule = (context) => {
  const element = typeOfFacts(context.facts(0))
  return [element ? { kind: 'optional', element } : { kind: 'optional' }]
}

/** Since opset 18 the input may be the bare value. */
const unwrap: Rule = (context) => {
  const facts = context.facts(0)
  return [facts?.kind === 'optional' ? factsOfElement(facts.element) : facts]
}

/** The body sees one element of each sequence and gives one element of each result. */
const map: Rule = (context) => {
  const attribute = context.node.attributes.get('body')
  if (attribute?.kind !== 'graph') return []
  const results = context.inferBody(attribute.value, mapInputs(context))
  return results.map((facts) => sequenceFacts(typeOfFacts(facts)))
}

const mapInputs = (context: NodeContext): readonly (Facts | undefined)[] =>
  Array.from({ length: context.inputCount }, (_, input) => {
    const facts = context.facts(input)
    return facts?.kind === 'sequence' ? factsOfElement(facts.element) : facts
  })

export const SEQUENCE_RULES: RuleTable = {
  SequenceConstruct: construct,
  SequenceEmpty: empty,
  SequenceInsert: insert,
  SequenceErase: (context) => [context.facts(0)],
  SequenceAt: (context) => [factsOfElement(elementOf(context.facts(0)))],
  SequenceLength: () => [tensorFacts('int64', [])],
  SequenceMap: map,
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
  Optional: optional,
  OptionalGetElement: unwrap,
  OptionalHasElement: () => [tensorFacts('bool', [])],
}
