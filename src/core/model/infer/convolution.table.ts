// Convolution and pooling: channels from the weights, spatial sizes from kernel, stride, dilation and padding.

import type { DType } from '../dtype'
import { intAttribute, intsAttribute, stringAttribute, type Node } from '../node'
import type { Dim, Shape } from '../shape'
import { frontAxis, multiplyDims, sizeDim, unknownShape, withDim } from './dims'
import { allNumbers, integersOf, sameAs, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'

interface Window {
  readonly kernel: readonly Dim[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Begins of all axes, then ends; undefined where `auto_pad` decides. */
  readonly pads: readonly number[] | undefined
  readonly autoPad: string
  readonly isCeil: boolean
}

/** `kernel` comes from the weights where the attribute is left out. */
function readWindow(node: Node, kernel: readonly Dim[] | undefined, rank: number): Window {
  const ones = new Array<number>(rank).fill(1)
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET')
  const isExplicit = autoPad === 'NOTSET' || autoPad === ''
  return {
    kernel: intsAttribute(node, 'kernel_shape') ?? kernel ?? new Array<Dim>(rank).fill(null),
    strides: intsAttribute(node, 'strides') ?? ones,
    dilations: intsAttribute(node, 'dilations') ?? ones,
    pads: isExplicit ? (intsAttribute(node, 'pads') ?? new Array<number>(2 * rank).fill(0)) : undefined,
    autoPad,
    isCeil: intAttribute(node, 'ceil_mode', 0) === 1,
  }
}

function slideDim(input: Dim, axis: number, rank: number, window: Window): Dim {
  const stride = window.strides[axis] ?? 1
  if (stride <= 0) return null
  if (window.autoPad.startsWith('SAME')) {
    return typeof input === 'number' ? Math.ceil(input / stride) : stride === 1 ? input : null
  }
  const size = window.kernel[axis]
  if (typeof size !== 'number') return null
  const reach = (size - 1) * (window.dilations[axis] ?? 1) + 1
  const [before, after] = [window.pads?.[axis] ?? 0, window.pads?.[axis + rank] ?? 0]
  // Padding that makes up for the kernel keeps even a symbolic size.
  if (typeof input !== 'number') return stride === 1 && before + after === reach - 1 ? input : null
  const steps = (input + before + after - reach) / stride
  if (steps < 0) return null
  const floor = Math.floor(steps) + 1
  if (!window.isCeil) return sizeDim(floor)
  const ceil = Math.ceil(steps) + 1
  // A last window that would start in the padding behind the input is left out.
  return sizeDim((ceil - 1) * stride >= input + before ? floor : ceil)
}

const isChannelsLast = (node: Node): boolean =>
  intAttribute(node, 'channels_last', 0) === 1 || node.opType.startsWith('Nhwc')

/** Puts batch, channels and spatial sizes in the node's layout. */
function layOut(node: Node, batch: Dim, channels: Dim, spatial: readonly Dim[]): Shape {
  return isChannelsLast(node) ? [batch, ...spatial, channels] : [batch, channels, ...spatial]
}

const spatialOf = (node: Node, shape: Shape): readonly Dim[] =>
  isChannelsLast(node) ? shape.slice(1, -1) : shape.slice(2)
const channelsOf = (node: Node, shape: Shape): Dim => (isChannelsLast(node) ? shape.at(-1) : shape[1]) ?? null

function convolvedShape(context: NodeContext, input: Shape | undefined, weight: Shape | undefined): Shape | undefined {
  const { node } = context
  if (!input || input.length < 2)
    return weight && weight.length > 2 && !input ? unknownConvolved(node, weight) : undefined
  const spatial = spatialOf(node, input)
  const weightSpatial =
    weight && (isChannelsLast(node) && node.opType.startsWith('Nhwc') ? weight.slice(1, -1) : weight.slice(2))
  const window = readWindow(node, weightSpatial, spatial.length)
  const slid = spatial.map((dim, axis) => slideDim(dim, axis, spatial.length, window))
  return layOut(node, input[0] ?? null, weight?.[0] ?? null, slid)
}

const unknownConvolved = (node: Node, weight: Shape): Shape =>
  layOut(node, null, weight[0] ?? null, new Array<Dim>(weight.length - 2).fill(null))

const convolution =
  (weightInput: number, dtypeOf: (context: NodeContext) => DType | undefined): Rule =>
  (context) => [tensorFacts(dtypeOf(context), convolvedShape(context, context.shape(0), context.shape(weightInput)))]

/** `padsInput`: where the padding comes as an input. */
const transposedConvolution =
  (padsInput?: number): Rule =>
  (context) => {
    const { node } = context
    const [input, weight] = [context.shape(0), context.shape(1)]
    if (!input || input.length < 3) return [tensorFacts(context.dtype(0), undefined)]
    const spatial = input.slice(2)
    const rank = spatial.length
    const window = readWindow(node, weight?.slice(2), rank)
    const wanted = intsAttribute(node, 'output_shape')
    const given =
      padsInput === undefined || !context.has(padsInput) ? window.pads : allNumbers(context.value(padsInput)?.items)
    const isPadded = given !== undefined || window.autoPad.startsWith('SAME') || window.autoPad === 'VALID'
    const extra = intsAttribute(node, 'output_padding') ?? new Array<number>(rank).fill(0)
    const dims = spatial.map((dim, axis): Dim => {
      if (wanted) return sizeDim(wanted.at(axis - rank) ?? NaN)
      const [size, stride] = [window.kernel[axis], window.strides[axis] ?? 1]
      if (typeof dim !== 'number' || typeof size !== 'number' || !isPadded) return null
      if (window.autoPad.startsWith('SAME')) return sizeDim(dim * stride)
      const reach = (size - 1) * (window.dilations[axis] ?? 1) + 1
      const pads = (given?.[axis] ?? 0) + (given?.[axis + rank] ?? 0)
      return sizeDim(stride * (dim - 1) + (extra[axis] ?? 0) + reach - pads)
    })
    const channels = multiplyDims(weight?.[1] ?? null, intAttribute(node, 'group', 1))
    return [tensorFacts(context.dtype(0), [input[0] ?? null, channels, ...dims])]
  }

function pooledShape(context: NodeContext): Shape | undefined {
  const shape = context.shape(0)
  if (!shape || shape.length < 3) return undefined
  const spatial = spatialOf(context.node, shape)
  const window = readWindow(context.node, undefined, spatial.length)
  const slid = spatial.map((dim, axis) => slideDim(dim, axis, spatial.length, window))
  return layOut(context.node, shape[0] ?? null, channelsOf(context.node, shape), slid)
}

const maxPool: Rule = (context) => {
  const shape = pooledShape(context)
  return [tensorFacts(context.dtype(0), shape), tensorFacts('int64', shape)]
}

const pool: Rule = (context) => [tensorFacts(context.dtype(0), pooledShape(context))]

const globalPool: Rule = (context) => {
  const shape = context.shape(0)
  if (!shape || shape.length < 2) return [tensorFacts(context.dtype(0), undefined)]
  const ones = spatialOf(context.node, shape).map(() => 1)
  return [tensorFacts(context.dtype(0), layOut(context.node, shape[0] ?? null, channelsOf(context.node, shape), ones))]
}

const maxUnpool: Rule = (context) => {
  const shape = context.shape(0)
  if (context.has(2)) {
    const target = context.value(2)?.items
    const dims = target?.map((item) => (typeof item === 'number' ? sizeDim(item) : item))
    return [tensorFacts(context.dtype(0), dims ?? unknownShape(shape?.length))]
  }
  if (!shape || shape.length < 3) return [tensorFacts(context.dtype(0), undefined)]
  const spatial = shape.slice(2)
  const window = readWindow(context.node, undefined, spatial.length)
  const dims = spatial.map((dim, axis): Dim => {
    const size = window.kernel[axis]
    if (typeof dim !== 'number' || typeof size !== 'number') return null
    const pads = (window.pads?.[axis] ?? 0) + (window.pads?.[axis + spatial.length] ?? 0)
    return sizeDim((dim - 1) * (window.strides[axis] ?? 1) + size - pads)
  })
  return [tensorFacts(context.dtype(0), [...shape.slice(0, 2), ...dims])]
}

/** One output image a region of interest. */
const roiAlign: Rule = (context) => [
  tensorFacts(context.dtype(0), [
    context.shape(1)?.[0] ?? null,
    context.shape(0)?.[1] ?? null,
    sizeDim(intAttribute(context.node, 'output_height', 1)),
    sizeDim(intAttribute(context.node, 'output_width', 1)),
  ]),
]

const maxRoiPool: Rule = (context) => {
  const pooled = intsAttribute(context.node, 'pooled_shape')
  const spatial = pooled ? pooled.map(sizeDim) : [null, null]
  return [tensorFacts(context.dtype(0), [context.shape(1)?.[0] ?? null, context.shape(0)?.[1] ?? null, ...spatial])]
}

const gridSample: Rule = (context) => {
  const [input, grid] = [context.shape(0), context.shape(1)]
  if (!input && !grid) return [tensorFacts(context.dtype(0), undefined)]
  const spatial = grid ? grid.slice(1, -1) : (unknownShape((input?.length ?? 2) - 2) ?? [])
  return [tensorFacts(context.dtype(0), [input?.[0] ?? grid?.[0] ?? null, input?.[1] ?? null, ...spatial])]
}

const columnsToImage: Rule = (context) => {
  const input = context.shape(0)
  const image = integersOf(context, 'image_shape', 1)
  const block = context.value(2)?.items
  const area = block?.reduce<Dim>(multiplyDims, 1) ?? null
  const depth = input?.[1]
  const isKnown = typeof depth === 'number' && typeof area === 'number' && area > 0 && depth % area === 0
  const channels = isKnown ? depth / area : null
  const spatial = typeof image === 'string' ? unknownShape(context.shape(1)?.[0]) : image.map(sizeDim)
  return [tensorFacts(context.dtype(0), spatial && [input?.[0] ?? null, channels, ...spatial])]
}

const unfold: Rule = (context) => {
  const shape = context.shape(0)
  const axis = shape && frontAxis(intAttribute(context.node, 'dim', -1), shape.length)
  const [size, step] = [intAttribute(context.node, 'size', 1), intAttribute(context.node, 'step', 1)]
  if (!shape || axis === undefined) return [tensorFacts(context.dtype(0), undefined)]
  const dim = shape[axis]
  const count = typeof dim === 'number' && step > 0 ? sizeDim(Math.floor((dim - size) / step) + 1) : null
  return [tensorFacts(context.dtype(0), [...withDim(shape, axis, count), sizeDim(size)])]
}

const input0 = (context: NodeContext): DType | undefined => context.dtype(0)
const outputZeroPoint = (context: NodeContext): DType | undefined => context.dtype(7) ?? context.dtype(0)

export const CONVOLUTION_RULES: RuleTable = {
  Conv: convolution(1, input0),
  ConvInteger: convolution(1, () => 'int32'),
  QLinearConv: convolution(3, outputZeroPoint),
  DeformConv: convolution(1, input0),
  ConvTranspose: transposedConvolution(),
  MaxPool: maxPool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  GlobalMaxPool: globalPool,
  MaxUnpool: maxUnpool,
  MaxRoiPool: maxRoiPool,
  RoiAlign: roiAlign,
  GridSample: gridSample,
  Col2Im: columnsToImage,
}

export const MICROSOFT_CONVOLUTION_RULES: RuleTable = {
  ConvTransposeWithDynamicPads: transposedConvolution(2),
  FusedConv: convolution(1, input0),
  NhwcConv: convolution(1, input0),
  NhwcFusedConv: convolution(1, input0),
  NhwcMaxPool: pool,
  QLinearConv: convolution(3, outputZeroPoint),
  QLinearAveragePool: pool,
  QLinearGlobalAveragePool: globalPool,
  MaxpoolWithMask: pool,
  GridSample: gridSample,
  Inverse: sameAs(),
  NGramRepeatBlock: sameAs(1),
  UnfoldTensor: unfold,
}
