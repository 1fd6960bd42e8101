// Operators that only rearrange: reshape, transpose, concatenate, slice, pad and their kin. They carry the contents of small tensors.

import { intAttribute, intsAttribute, stringAttribute } from '../node'
import type { Dim, Shape } from '../shape'
import {
  addDims,
  broadcastShapes,
  divideDims,
  frontAxis,
  multiplyDims,
  productOfDims,
  sizeDim,
  unknownShape,
  withDim,
} from './dims'
import { shapeFromInput } from './generate.table'
import { allNumbers, integersOf, scalarOf, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'
import {
  broadcastSmall,
  concatSmall,
  reshapeSmall,
  sliceSmall,
  smallScalar,
  smallVector,
  transposeSmall,
  type SmallTensor,
} from './small-tensor'

const isSizes = (shape: Shape): shape is readonly number[] => shape.every((dim) => typeof dim === 'number')

/** The output holds the same elements in the same order under another shape. */
function reordered(context: NodeContext, shape: Shape | undefined) {
  const value = context.value(0)
  return [tensorFacts(context.dtype(0), shape, value && shape ? reshapeSmall(value, shape) : undefined)]
}

/** The items of `Reshape`'s target: 0 copies an input axis (unless `allowzero`), one -1 takes the rest. */
const reshape: Rule = (context) => {
  const input = context.shape(0)
  const attribute = intsAttribute(context.node, 'shape')
  const target = attribute ?? context.value(1)?.items
  if (!target) return reordered(context, unknownShape(context.shape(1)?.[0]))
  const keepsZero = intAttribute(context.node, 'allowzero', 0) === 1
  const dims = target.map((item, axis): Dim => {
    if (item === 0 && !keepsZero) return input ? (input[axis] ?? null) : null
    return typeof item === 'number' ? sizeDim(item) : item
  })
  const rest = target.indexOf(-1)
  if (rest >= 0 && input) return reordered(context, withDim(dims, rest, divideDims(input, dims.toSpliced(rest, 1))))
  return reordered(context, rest < 0 && input ? fillOnlyUnknown(dims, target, input) : dims)
}

/** One unknown item among known ones is what the element count leaves, as with -1; the item may not be negative for that. */
function fillOnlyUnknown(dims: Shape, target: readonly Dim[], input: Shape): Shape {
  const unknown = dims.flatMap((dim, axis) => (dim === null ? [axis] : []))
  const [axis] = unknown
  if (unknown.length !== 1 || axis === undefined || target[axis] === 0) return dims
  return withDim(dims, axis, divideDims(input, dims.toSpliced(axis, 1)))
}

const flatten: Rule = (context) => {
  const shape = context.shape(0)
  const axis = intAttribute(context.node, 'axis', 1)
  if (!shape) return [tensorFacts(context.dtype(0), [null, null])]
  const at = axis < 0 ? axis + shape.length : axis
  if (at < 0 || at > shape.length) return [tensorFacts(context.dtype(0), [null, null])]
  return reordered(context, [productOfDims(shape.slice(0, at)), productOfDims(shape.slice(at))])
}

const squeeze: Rule = (context) => {
  const shape = context.shape(0)
  const axes = integersOf(context, 'axes', 1)
  if (!shape || axes === 'unknown') return [tensorFacts(context.dtype(0), undefined)]
  if (axes === 'absent') {
    const isDecided = isSizes(shape)
    return reordered(context, isDecided ? shape.filter((dim) => dim !== 1) : undefined)
  }
  const gone = new Set(axes.map((axis) => frontAxis(axis, shape.length)))
  return reordered(context, gone.has(undefined) ? undefined : shape.filter((_, axis) => !gone.has(axis)))
}

const unsqueeze: Rule = (context) => {
  const shape = context.shape(0)
  const axes = integersOf(context, 'axes', 1)
  if (!shape) return [tensorFacts(context.dtype(0), undefined)]
  if (typeof axes === 'string') {
    const added = context.shape(1)?.[0]
    return reordered(context, typeof added === 'number' ? unknownShape(shape.length + added) : undefined)
  }
  const rank = shape.length + axes.length
  const places = new Set(axes.map((axis) => frontAxis(axis, rank)))
  if (places.has(undefined) || places.size !== axes.length) return [tensorFacts(context.dtype(0), undefined)]
  const rest = [...shape]
  return reordered(
    context,
    Array.from({ length: rank }, (_, axis) => (places.has(axis) ? 1 : (rest.shift() ?? null))),
  )
}

const transpose: Rule = (context) => {
  const shape = context.shape(0)
  const given = intsAttribute(context.node, 'perm')
  if (!shape) return [tensorFacts(context.dtype(0), given && unknownShape(given.length))]
  const order = given ?? shape.map((_, axis) => shape.length - 1 - axis)
  const isPermutation =
    order.length === shape.length && new Set(order.map((axis) => frontAxis(axis, shape.length))).size === order.length
  if (!isPermutation || order.some((axis) => axis < 0 || axis >= shape.length))
    return [tensorFacts(context.dtype(0), undefined)]
  const value = context.value(0)
  return [
    tensorFacts(
      context.dtype(0),
      order.map((axis) => shape[axis] ?? null),
      value && transposeSmall(value, order),
    ),
  ]
}

/** One axis is the sum of the parts', the others agree; a size known in one part holds for all. */
const concat: Rule = (context) => {
  const inputs = Array.from({ length: context.inputCount }, (_, input) => input)
  const dtype = inputs.map((input) => context.dtype(input)).find((found) => found !== undefined)
  const shapes = inputs.map((input) => context.shape(input))
  const rank = shapes.find((shape) => shape !== undefined)?.length
  const OLD_DEFAULT_AXIS = 1
  const axis = rank === undefined ? undefined : frontAxis(intAttribute(context.node, 'axis', OLD_DEFAULT_AXIS), rank)
  if (rank === undefined || axis === undefined) return [tensorFacts(dtype, undefined)]
  const shape = concatShape(shapes, rank, axis)
  return [tensorFacts(dtype, shape, concatValues(context, inputs, axis))]
}

export function concatShape(shapes: readonly (Shape | undefined)[], rank: number, axis: number): Shape | undefined {
  if (shapes.some((shape) => shape && shape.length !== rank)) return undefined
  return Array.from({ length: rank }, (_, at) => {
    const dims = shapes.map((shape) => shape?.[at] ?? null)
    if (at === axis) return dims.reduce<Dim>(addDims, 0)
    return dims.find((dim) => typeof dim === 'number') ?? dims.find((dim) => dim !== null) ?? null
  })
}

function concatValues(context: NodeContext, inputs: readonly number[], axis: number): SmallTensor | undefined {
  const values: SmallTensor[] = []
  for (const input of inputs) {
    const value = context.value(input)
    const shape = context.shape(input)
    // A part whose items are unknown but whose count is known still takes its place.
    const count = shape?.length === 1 ? shape[0] : undefined
    if (value) values.push(value)
    else if (typeof count === 'number' && unknownShape(count))
      values.push(smallVector(new Array<Dim>(count).fill(null)))
    else return undefined
  }
  return concatSmall(values, axis)
}

const split: Rule = (context) => {
  const shape = context.shape(0)
  const dtype = context.dtype(0)
  const parts = context.node.outputs.length
  const axis = shape && frontAxis(intAttribute(context.node, 'axis', 0), shape.length)
  if (!shape || axis === undefined) return context.node.outputs.map(() => tensorFacts(dtype, undefined))
  const sizes = splitSizes(context, shape[axis] ?? null, parts)
  const value = context.value(0)
  let start = 0
  return context.node.outputs.map((_, part) => {
    const size = sizes[part] ?? null
    const dims = withDim(shape, axis, size)
    const starts = shape.map((_dim, at) => (at === axis ? start : 0))
    const piece = value && typeof size === 'number' && isSizes(dims) ? sliceSmall(value, dims, starts, []) : undefined
    start += typeof size === 'number' ? size : NaN
    return tensorFacts(dtype, dims, Number.isNaN(start) && size === null ? undefined : piece)
  })
}

function splitSizes(context: NodeContext, total: Dim, parts: number): readonly Dim[] {
  const given = integersOf(context, 'split', 1)
  if (typeof given !== 'string') return given.map(sizeDim)
  if (given === 'unknown') return []
  if (typeof total !== 'number') return parts === 1 ? [total] : []
  // Since opset 18 (`num_outputs`) the last part may be smaller; before, parts are equal, which is the same where they divide evenly.
  const count = intAttribute(context.node, 'num_outputs', parts)
  const size = Math.ceil(total / count)
  return Array.from({ length: parts }, (_, part) => sizeDim(Math.min(size, total - part * size)))
}

interface SliceRange {
  readonly start: number
  readonly step: number
  readonly dim: Dim
}

/** Clamps as ONNX `Slice` does: out-of-range ends mean the end. */
function sliceRange(dim: Dim, start: number, end: number, step: number): SliceRange | undefined {
  if (step === 0) return undefined
  if (typeof dim !== 'number') {
    const isWhole = start === 0 && step === 1 && end >= Number.MAX_SAFE_INTEGER
    const isWholeBackwards = start === -1 && step === -1 && end <= -Number.MAX_SAFE_INTEGER
    const isInt32End = start === 0 && step === 1 && end === 2 ** 31 - 1
    return { start: 0, step, dim: isWhole || isWholeBackwards || isInt32End ? dim : null }
  }
  const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)
  const from = start < 0 ? start + dim : start
  const to = end < 0 ? end + dim : end
  const first = step > 0 ? clamp(from, 0, dim) : clamp(from, 0, Math.max(0, dim - 1))
  const last = step > 0 ? clamp(to, 0, dim) : clamp(to, -1, dim - 1)
  return { start: first, step, dim: sizeDim(Math.max(0, Math.ceil((last - first) / step))) }
}

const slice: Rule = (context) => {
  const shape = context.shape(0)
  const dtype = context.dtype(0)
  if (!shape) return [tensorFacts(dtype, undefined)]
  const starts = integersOf(context, 'starts', 1)
  const ends = integersOf(context, 'ends', 2)
  const given = integersOf(context, 'axes', 3)
  const steps = integersOf(context, 'steps', 4)
  if (given === 'unknown') return [tensorFacts(dtype, unknownShape(shape.length))]
  const axes = given === 'absent' ? shape.map((_, axis) => axis) : given.map((axis) => frontAxis(axis, shape.length))
  if (typeof starts === 'string' || typeof ends === 'string' || steps === 'unknown') {
    const count = context.shape(1)?.[0]
    const touched = given === 'absent' && typeof count === 'number' ? axes.slice(0, count) : axes
    return [
      tensorFacts(
        dtype,
        shape.map((dim, axis) => (touched.includes(axis) ? null : dim)),
      ),
    ]
  }
  const ranges = shape.map((dim, axis): SliceRange | undefined => {
    const at = axes.indexOf(axis)
    const [start, end] = [starts[at], ends[at]]
    if (at < 0 || start === undefined || end === undefined) return { start: 0, step: 1, dim }
    return sliceRange(dim, start, end, steps === 'absent' ? 1 : (steps[at] ?? 1))
  })
  return [
    tensorFacts(
      dtype,
      ranges.map((range) => range?.dim ?? null),
      slicedValue(context, ranges),
    ),
  ]
}

function slicedValue(context: NodeContext, ranges: readonly (SliceRange | undefined)[]): SmallTensor | undefined {
  const value = context.value(0)
  const dims = allNumbers(ranges.map((range) => range?.dim ?? null))
  if (!value || !dims) return undefined
  return sliceSmall(
    value,
    dims,
    ranges.map((range) => range?.start ?? 0),
    ranges.map((range) => range?.step ?? 1),
  )
}

const expand: Rule = (context) => {
  const target = shapeFromInput(context, 1)
  const shape = broadcastShapes([context.shape(0), target])
  const value = context.value(0)
  const isSmall = value && shape && isSizes(shape)
  return [tensorFacts(context.dtype(0), shape, isSmall ? broadcastSmall(value, shape) : undefined)]
}

const TILE_BY_VECTOR_OPSET = 6

const tile: Rule = (context) => {
  const shape = context.shape(0)
  const repeats = context.opset < TILE_BY_VECTOR_OPSET ? undefined : context.value(1)?.items
  if (!shape || !repeats) return [tensorFacts(context.dtype(0), shape && unknownShape(shape.length))]
  const dims = shape.map((dim, axis) => multiplyDims(dim, repeats[axis] ?? null))
  const value = context.value(0)
  const times = repeats[0]
  const isVector = value && shape.length === 1 && typeof times === 'number' && isSizes(dims)
  const copies = isVector && unknownShape(times) ? concatSmall(new Array<SmallTensor>(times).fill(value), 0) : undefined
  return [tensorFacts(context.dtype(0), dims, copies)]
}

const pad: Rule = (context) => {
  const shape = context.shape(0)
  const pads = integersOf(context, context.opset < 2 && context.node.domain === '' ? 'paddings' : 'pads', 1)
  const axes = integersOf(context, 'axes', 3)
  if (!shape || typeof pads === 'string' || axes === 'unknown') {
    return [tensorFacts(context.dtype(0), shape && unknownShape(shape.length))]
  }
  const padded = axes === 'absent' ? shape.map((_, axis) => axis) : axes.map((axis) => frontAxis(axis, shape.length))
  const dims = shape.map((dim, axis): Dim => {
    const at = padded.indexOf(axis)
    if (at < 0) return dim
    const added = (pads[at] ?? NaN) + (pads[at + padded.length] ?? NaN)
    return added === 0 ? dim : typeof dim === 'number' ? sizeDim(dim + added) : null
  })
  return [tensorFacts(context.dtype(0), dims)]
}

const shapeOf: Rule = (context) => {
  const shape = context.shape(0)
  if (!shape) return [tensorFacts('int64', [null])]
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + shape.length : axis, 0), shape.length)
  const start = clamp(intAttribute(context.node, 'start', 0))
  const end = clamp(intAttribute(context.node, 'end', shape.length))
  const part = shape.slice(start, Math.max(start, end))
  return [tensorFacts('int64', [part.length], smallVector(part))]
}

const sizeOf: Rule = (context) => {
  const shape = context.shape(0)
  return [tensorFacts('int64', [], shape && smallScalar(productOfDims(shape)))]
}

const depthToSpace: Rule = (context) => {
  const block = intAttribute(context.node, 'blocksize', 1)
  const [batch = null, channels = null, height = null, width = null] = context.shape(0) ?? []
  const depth = divideDims([channels], [block, block])
  return [tensorFacts(context.dtype(0), [batch, depth, multiplyDims(height, block), multiplyDims(width, block)])]
}

const spaceToDepth: Rule = (context) => {
  const block = intAttribute(context.node, 'blocksize', 1)
  const [batch = null, channels = null, height = null, width = null] = context.shape(0) ?? []
  const depth = multiplyDims(multiplyDims(channels, block), block)
  return [tensorFacts(context.dtype(0), [batch, depth, divideDims([height], [block]), divideDims([width], [block])])]
}

/** Sizes come from `sizes`, or are floor(size · scale); `axes` (opset 18) names the axes that they are for. */
const resize: Rule = (context) => {
  const shape = context.shape(0)
  const dtype = context.dtype(0)
  if (!shape) return [tensorFacts(dtype, undefined)]
  const scalesInput = context.node.opType === 'Upsample' || context.opset < 11 ? 1 : 2
  const listed = intsAttribute(context.node, 'axes')?.map((axis) => frontAxis(axis, shape.length))
  const axes = listed ?? shape.map((_, axis) => axis)
  const policy = stringAttribute(context.node, 'keep_aspect_ratio_policy', 'stretch')
  const sizes = scalesInput === 2 && context.has(3) ? context.value(3)?.items : undefined
  const scales = resizeScales(context, scalesInput)
  const dims = shape.map((dim, axis): Dim => {
    const at = axes.indexOf(axis)
    if (at < 0) return dim
    if (sizes) return policy === 'stretch' ? (sizes[at] ?? null) : null
    const scale = scales?.[at]
    if (scale === 1) return dim
    return typeof dim === 'number' && typeof scale === 'number' ? sizeDim(Math.floor(dim * scale)) : null
  })
  return [tensorFacts(dtype, dims)]
}

function resizeScales(context: NodeContext, input: number): readonly Dim[] | undefined {
  const attribute = context.node.attributes.get('scales')
  if (attribute?.kind === 'floats') return attribute.value
  const items = context.value(input)?.items
  return items?.length === 0 ? undefined : items
}

const centerCropPad: Rule = (context) => {
  const shape = context.shape(0)
  const axes = intsAttribute(context.node, 'axes')
  const target = context.value(1)?.items
  if (!shape) return [tensorFacts(context.dtype(0), undefined)]
  const touched = axes?.map((axis) => frontAxis(axis, shape.length)) ?? shape.map((_, axis) => axis)
  const dims = shape.map((dim, axis) => (touched.includes(axis) ? (target?.[touched.indexOf(axis)] ?? null) : dim))
  return [tensorFacts(context.dtype(0), dims)]
}

const expandDims: Rule = (context) => {
  const shape = context.shape(0)
  const axis = scalarOf(context, 1)
  const at = shape && axis !== undefined ? frontAxis(axis, shape.length + 1) : undefined
  const dims = at === undefined ? shape && unknownShape(shape.length + 1) : shape?.toSpliced(at, 0, 1)
  return [tensorFacts(context.dtype(0), dims)]
}

export const RESHAPE_RULES: RuleTable = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Shape: shapeOf,
  Size: sizeOf,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Resize: resize,
  Upsample: resize,
  CenterCropPad: centerCropPad,
}

export const MICROSOFT_RESHAPE_RULES: RuleTable = {
  ExpandDims: expandDims,
  Pad: pad,
}
