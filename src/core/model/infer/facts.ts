// From declared types to facts and back, and how a declaration completes what a rule derived.

import { formatShape, type Dim, type Shape, type ValueType } from '../shape'
import { tensorFacts, type Facts } from './rule'

/** A declared type with the given sizes put in for symbolic names. */
export function factsOfType(type: ValueType, free: Readonly<Record<string, number>>): Facts {
  if (type.kind === 'tensor') return tensorFacts(type.dtype, specialise(type.shape, free))
  if (type.kind === 'sparse') return { ...type, shape: specialise(type.shape, free) }
  if (type.kind === 'other' || !type.element) return type
  const element = typeOfFacts(factsOfType(type.element, free))
  return element ? { kind: type.kind, element } : { kind: type.kind }
}

const specialise = (shape: Shape | undefined, free: Readonly<Record<string, number>>): Shape | undefined =>
  shape?.map((dim): Dim => {
    if (typeof dim === 'string') return Object.hasOwn(free, dim) ? (free[dim] ?? dim) : dim === '' ? null : dim
    return typeof dim === 'number' && dim < 0 ? null : dim
  })

/** The type that can be stated in a file; a shape without a data type cannot. */
export function typeOfFacts(facts: Facts | undefined): ValueType | undefined {
  if (facts?.kind !== 'tensor') return facts
  return facts.dtype && { kind: 'tensor', dtype: facts.dtype, shape: facts.shape }
}

interface Refined {
  readonly facts: Facts | undefined
  readonly conflict?: { readonly declared: string; readonly inferred: string }
}

/** What the rule derived, completed by what the file declares. Where they contradict each other the derived facts are kept. */
export function refineFacts(inferred: Facts | undefined, declared: Facts | undefined): Refined {
  // An empty type in a file says nothing.
  if (!declared || !inferred || declared.kind === 'other') return { facts: inferred ?? declared }
  const conflict = { declared: describe(declared), inferred: describe(inferred) }
  if (declared.kind !== inferred.kind) return { facts: inferred, conflict }
  if (inferred.kind !== 'tensor' || declared.kind !== 'tensor') {
    const isBare = (inferred.kind === 'sequence' || inferred.kind === 'optional') && !inferred.element
    return { facts: isBare ? declared : inferred }
  }
  const shape = refineShape(inferred.shape, declared.shape)
  const facts = tensorFacts(inferred.dtype ?? declared.dtype, shape ?? inferred.shape, inferred.value)
  const dtypesAgree = !inferred.dtype || !declared.dtype || inferred.dtype === declared.dtype
  const shapesAgree = !inferred.shape || !declared.shape || shape !== undefined
  return dtypesAgree && shapesAgree ? { facts } : { facts, conflict }
}

/** Undefined when the two contradict each other, or neither is known. */
function refineShape(inferred: Shape | undefined, declared: Shape | undefined): Shape | undefined {
  if (!inferred || !declared) return inferred ?? declared
  if (inferred.length !== declared.length) return undefined
  const clash = inferred.some((dim, axis) => {
    const other = declared[axis]
    return typeof dim === 'number' && typeof other === 'number' && dim !== other
  })
  return clash ? undefined : inferred.map((dim, axis) => dim ?? declared[axis] ?? null)
}

function describe(facts: Facts): string {
  return facts.kind === 'tensor' ? `${facts.dtype ?? '?'} ${formatShape(facts.shape)}` : facts.kind
}
