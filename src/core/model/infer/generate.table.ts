// Operators that make tensors out of sizes and attributes: constants, ranges, random numbers, windows.

import { dtypeFromCode, type DType } from '../dtype'
import { intAttribute, intsAttribute } from '../node'
import type { Dim } from '../shape'
import { sizeDim, unknownShape, withDim } from './dims'
import { allNumbers, integersOf, scalarOf, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'
import { broadcastSmall, fitItem, readSmallTensor, smallCount, smallScalar, smallVector } from './small-tensor'

/** The data type that an attribute names, by TensorProto code. */
export function dtypeAttribute(context: NodeContext, name: string): DType | undefined {
  const code = intAttribute(context.node, name, undefined)
  return code === undefined || code === 0 ? undefined : dtypeFromCode(code)
}

/** A shape given as the items of an input; a negative item is a mistake and counts as unknown. */
export function shapeFromInput(context: NodeContext, input: number): readonly Dim[] | undefined {
  const value = context.value(input)
  if (value) return value.items.map((item) => (typeof item === 'number' ? sizeDim(item) : item))
  return unknownShape(context.shape(input)?.[0])
}

/** The attribute forms of `Constant` that `constantNodeTensor` does not read: strings and sparse tensors. */
const otherConstant: Rule = ({ node }) => {
  const [entry] = node.attributes
  if (entry?.[1].kind === 'string') return [tensorFacts('string', [])]
  if (entry?.[1].kind === 'strings') return [tensorFacts('string', [entry[1].value.length])]
  return []
}

const constantOfShape: Rule = (context) => {
  const given = context.node.attributes.get('value')
  const dtype = given?.kind === 'tensor' ? given.value.dtype : 'float32'
  const shape = shapeFromInput(context, 0)
  const dims = allNumbers(shape)
  const fill = given?.kind === 'tensor' ? readSmallTensor(given.value)?.items[0] : 0
  return [tensorFacts(dtype, shape, dims && fill !== undefined ? broadcastSmall(smallScalar(fill), dims) : undefined)]
}

const range: Rule = (context) => {
  const dtype = context.dtype(0) ?? context.dtype(1) ?? context.dtype(2)
  const [start, limit, step] = [scalarOf(context, 0), scalarOf(context, 1), scalarOf(context, 2)]
  if (start === undefined || step === undefined || limit === undefined || step === 0) {
    const name = context.value(1)?.items[0]
    const isZeroToName = start === 0 && step === 1 && typeof name === 'string'
    return [tensorFacts(dtype, [isZeroToName ? name : null])]
  }
  const count = sizeDim(Math.max(0, Math.ceil((limit - start) / step)))
  if (!dtype || smallCount([count]) === undefined) return [tensorFacts(dtype, [count])]
  const items = Array.from({ length: Number(count) }, (_, at) => fitItem(start + at * step, dtype))
  return [tensorFacts(dtype, [count], smallVector(items))]
}

const likeInput: Rule = (context) => [
  tensorFacts(dtypeAttribute(context, 'dtype') ?? context.dtype(0), context.shape(0)),
]

const random: Rule = (context) => {
  const shape = intsAttribute(context.node, 'shape')
  return [tensorFacts(dtypeAttribute(context, 'dtype') ?? 'float32', shape?.map(sizeDim))]
}

const multinomial: Rule = (context) => {
  const shape = context.shape(0)
  const samples = sizeDim(intAttribute(context.node, 'sample_size', 1))
  return [tensorFacts(dtypeAttribute(context, 'dtype') ?? 'int32', [shape?.[0] ?? null, samples])]
}

const window: Rule = (context) => {
  const size = scalarOf(context, 0)
  const dtype = dtypeAttribute(context, 'output_datatype') ?? 'float32'
  return [tensorFacts(dtype, [size === undefined ? null : sizeDim(size)])]
}

const melWeights: Rule = (context) => {
  const [bins, length] = [scalarOf(context, 0), scalarOf(context, 1)]
  const rows: Dim = length === undefined ? null : sizeDim(Math.floor(length / 2) + 1)
  return [
    tensorFacts(dtypeAttribute(context, 'output_datatype') ?? 'float32', [
      rows,
      bins === undefined ? null : sizeDim(bins),
    ]),
  ]
}

/** One-hot: `depth` goes in at `axis` of the indices' shape. */
const oneHot: Rule = (context) => {
  const indices = context.shape(0)
  const axis = intAttribute(context.node, 'axis', -1)
  const depth = scalarOf(context, 1)
  if (!indices) return [tensorFacts(context.dtype(2), undefined)]
  const at = axis < 0 ? axis + indices.length + 1 : axis
  if (at < 0 || at > indices.length) return [tensorFacts(context.dtype(2), undefined)]
  return [tensorFacts(context.dtype(2), indices.toSpliced(at, 0, depth === undefined ? null : sizeDim(depth)))]
}

/** Real to complex and back: the last axis counts real and imaginary parts. Sizes follow `dft_length` and `onesided`. */
const fourier: Rule = (context) => {
  const shape = context.shape(0)
  if (!shape || shape.length < 2) return [tensorFacts(context.dtype(0), shape)]
  const AXIS_INPUT_OPSET = 20
  const given = context.opset >= AXIS_INPUT_OPSET ? axisInput(context) : intAttribute(context.node, 'axis', 1)
  const onesided = intAttribute(context.node, 'onesided', 0) === 1
  const inverse = intAttribute(context.node, 'inverse', 0) === 1
  const axis = given !== undefined && given < 0 ? given + shape.length : given
  if (axis === undefined) return [tensorFacts(context.dtype(0), unknownShape(shape.length))]
  const length = context.has(1) ? (scalarOf(context, 1) ?? null) : (shape[axis] ?? null)
  if (inverse && onesided) {
    const full = context.has(1) ? length : typeof length === 'number' ? sizeDim(2 * (length - 1)) : null
    return [tensorFacts(context.dtype(0), withDim(withDim(shape, axis, full), shape.length - 1, 1))]
  }
  const bins = onesided ? (typeof length === 'number' ? Math.floor(length / 2) + 1 : null) : length
  return [tensorFacts(context.dtype(0), withDim(withDim(shape, axis, bins), shape.length - 1, 2))]
}

const axisInput = (context: NodeContext): number | undefined => (context.has(2) ? scalarOf(context, 2) : -2)

const shortTimeFourier: Rule = (context) => {
  const signal = context.shape(0)
  const step = scalarOf(context, 1)
  const frame = context.has(3) ? scalarOf(context, 3) : context.shape(2)?.[0]
  const onesided = intAttribute(context.node, 'onesided', 1) === 1
  const length = signal?.[1]
  const isKnown = typeof length === 'number' && typeof frame === 'number' && step !== undefined && step > 0
  const frames = isKnown ? sizeDim(Math.floor((length - frame) / step) + 1) : null
  const bins = typeof frame === 'number' ? (onesided ? Math.floor(frame / 2) + 1 : frame) : null
  return [tensorFacts(context.dtype(0), [signal?.[0] ?? null, frames, bins, 2])]
}

/** Values over words: `max index + 1` columns, after the batch axis if there is one. */
const termFrequency: Rule = (context) => {
  const shape = context.shape(0)
  const indexes = intsAttribute(context.node, 'ngram_indexes')
  const columns = indexes ? sizeDim(indexes.reduce((most, index) => Math.max(most, index), -1) + 1) : null
  return [tensorFacts('float32', shape && [...shape.slice(0, -1), columns])]
}

const stringNormalizer: Rule = (context) => {
  const shape = context.shape(0)
  const keepsAll = !context.node.attributes.has('stopwords')
  return [tensorFacts('string', keepsAll ? shape : shape && [...shape.slice(0, -1), null])]
}

const imageDecoder: Rule = () => [tensorFacts('uint8', [null, null, null])]

const affineGrid: Rule = (context) => {
  const size = integersOf(context, 'size', 1)
  const theta = context.shape(0)
  if (typeof size === 'string') return [tensorFacts(context.dtype(0), undefined)]
  const spatial = size.slice(2).map(sizeDim)
  return [tensorFacts(context.dtype(0), [sizeDim(size[0] ?? NaN) ?? theta?.[0] ?? null, ...spatial, spatial.length])]
}

export const GENERATE_RULES: RuleTable = {
  Constant: otherConstant,
  ConstantOfShape: constantOfShape,
  Range: range,
  EyeLike: likeInput,
  Bernoulli: likeInput,
  RandomNormalLike: likeInput,
  RandomUniformLike: likeInput,
  RandomNormal: random,
  RandomUniform: random,
  Multinomial: multinomial,
  BlackmanWindow: window,
  HammingWindow: window,
  HannWindow: window,
  MelWeightMatrix: melWeights,
  OneHot: oneHot,
  DFT: fourier,
  STFT: shortTimeFourier,
  TfIdfVectorizer: termFrequency,
  StringNormalizer: stringNormalizer,
  ImageDecoder: imageDecoder,
  AffineGrid: affineGrid,
}
