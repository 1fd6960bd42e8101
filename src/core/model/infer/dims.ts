// Arithmetic on dimensions that may be a size, a symbolic name or unknown. Every function is conservative: where the answer depends on
// what a name stands for it is null, never a guess. Results beyond 2^53 are unknown, too.

import type { Dim, Shape } from '../shape'

/** More axes than this and a shape counts as unknown: real tensors have single digits, hostile files may claim billions. */
export const MAX_RANK = 256

/** `rank` unknown dimensions; undefined where the rank is not a sane number. */
export function unknownShape(rank: Dim | undefined): Shape | undefined {
  if (typeof rank !== 'number' || rank < 0 || rank > MAX_RANK || !Number.isInteger(rank)) return undefined
  return new Array<Dim>(rank).fill(null)
}

/** A computed size: whole, not negative and safe, else unknown. */
export const sizeDim = (value: number): Dim => (Number.isSafeInteger(value) && value >= 0 ? value + 0 : null)

export function addDims(a: Dim, b: Dim): Dim {
  if (a === 0) return b
  if (b === 0) return a
  return typeof a === 'number' && typeof b === 'number' ? sizeDim(a + b) : null
}

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (a === 0 || b === 0) return 0
  if (a === 1) return b
  if (b === 1) return a
  return typeof a === 'number' && typeof b === 'number' ? sizeDim(a * b) : null
}

export const productOfDims = (dims: readonly Dim[]): Dim => dims.reduce<Dim>(multiplyDims, 1)

/** `total` elements in groups of `part`, where `total` is a list of factors: equal names cancel out. Undefined factors give null. */
export function divideDims(total: readonly Dim[], part: readonly Dim[]): Dim {
  const names = total.filter((dim) => typeof dim === 'string')
  for (const dim of part) {
    if (dim === null) return null
    if (typeof dim === 'number') continue
    const position = names.indexOf(dim)
    if (position < 0) return null
    names.splice(position, 1)
  }
  const above = productOfDims(total.filter((dim) => typeof dim !== 'string'))
  const below = productOfDims(part.filter((dim) => typeof dim !== 'string'))
  if (typeof above !== 'number' || typeof below !== 'number' || below === 0 || above % below !== 0) return null
  return names.reduce<Dim>(multiplyDims, above / below)
}

/** The size of an axis under numpy's broadcasting. A name against a size above 1 is that size, as the name may only be 1 or the same. */
export function broadcastDims(a: Dim, b: Dim): Dim {
  if (a === b) return a
  if (a === 1) return b
  if (b === 1) return a
  if (typeof a === 'number' && typeof b === 'number') return null
  if (typeof a === 'number') return a
  return typeof b === 'number' ? b : null
}

/** Broadcasts shapes of any rank; undefined as soon as one is. */
export function broadcastShapes(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  return shapes.reduce<Shape | undefined>((result, shape) => result && shape && broadcastTwo(result, shape), [])
}

/** False where an axis has two different sizes and neither is 1. Names and unknown sizes may turn out to fit. */
export function canBroadcast(shapes: readonly (Shape | undefined)[]): boolean {
  const known = shapes.filter((shape) => shape !== undefined)
  const rank = Math.max(0, ...known.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, fromEnd) => known.map((shape) => shape.at(-1 - fromEnd))).every((dims) => {
    const sizes = dims.filter((dim) => typeof dim === 'number' && dim !== 1)
    return new Set(sizes).size <= 1
  })
}

function broadcastTwo(a: Shape, b: Shape): Shape {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a]
  const offset = long.length - short.length
  return long.map((dim, axis) => (axis < offset ? dim : broadcastDims(dim, short[axis - offset] ?? null)))
}

/** What holds for either of two shapes: the same rank, else undefined; the same dimension, else null. */
export function uniteShapes(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (!a || !b || a.length !== b.length) return undefined
  return a.map((dim, axis) => (dim === b[axis] ? dim : null))
}

/** `axis` counted from the front, or undefined when it is not an axis of a tensor with this rank. */
export function frontAxis(axis: number, rank: number): number | undefined {
  const front = axis < 0 ? axis + rank : axis
  return Number.isInteger(front) && front >= 0 && front < rank ? front : undefined
}

/** A copy of `shape` with the given axis replaced. */
export const withDim = (shape: Shape, axis: number, dim: Dim): Shape =>
  shape.map((old, at) => (at === axis ? dim : old))
