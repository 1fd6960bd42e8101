// Operators that pick, place, sort or count elements by index.

import { intAttribute, stringAttribute } from '../node'
import type { Dim, Shape } from '../shape'
import { frontAxis, sizeDim, unknownShape, withDim } from './dims'
import { sameAs, scalarOf, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'
import { gatherSmall } from './small-tensor'

/** The indices' shape takes the place of `axis`. */
const gather: Rule = (context) => {
  const [data, indices] = [context.shape(0), context.shape(1)]
  const axis = data && frontAxis(intAttribute(context.node, 'axis', 0), data.length)
  if (!data || !indices || axis === undefined) return [tensorFacts(context.dtype(0), undefined)]
  const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
  const [value, picked] = [context.value(0), context.value(1)]
  return [tensorFacts(context.dtype(0), shape, value && picked ? gatherSmall(value, picked, axis) : undefined)]
}

const gatherElements: Rule = (context) => [tensorFacts(context.dtype(0), context.shape(1))]

const gatherNd: Rule = (context) => {
  const [data, indices] = [context.shape(0), context.shape(1)]
  const batch = intAttribute(context.node, 'batch_dims', 0)
  const depth = indices?.at(-1)
  if (!data || !indices || typeof depth !== 'number' || batch < 0 || batch + depth > data.length) {
    return [tensorFacts(context.dtype(0), undefined)]
  }
  return [tensorFacts(context.dtype(0), [...indices.slice(0, -1), ...data.slice(batch + depth)])]
}

/** Indices packed with blocks of scales; the output has the scales' data type. */
const gatherBlockQuantized: Rule = (context) => {
  const [data, indices] = [context.shape(0), context.shape(1)]
  const axis = data && frontAxis(intAttribute(context.node, 'gather_axis', 0), data.length)
  if (!data || !indices || axis === undefined) return [tensorFacts(context.dtype(2), undefined)]
  const perByte = context.dtype(0) === 'uint8' ? 8 / intAttribute(context.node, 'bits', 4) : 1
  const unpacked = data.map((dim, at): Dim => {
    if (perByte === 1 || at !== data.length - 1) return dim
    return typeof dim === 'number' ? sizeDim(dim * perByte) : null
  })
  return [tensorFacts(context.dtype(2), [...unpacked.slice(0, axis), ...indices, ...unpacked.slice(axis + 1)])]
}

const compress: Rule = (context) => {
  const shape = context.shape(0)
  if (!context.node.attributes.has('axis')) return [tensorFacts(context.dtype(0), [null])]
  const axis = shape && frontAxis(intAttribute(context.node, 'axis', 0), shape.length)
  return [tensorFacts(context.dtype(0), shape && axis !== undefined ? withDim(shape, axis, null) : undefined)]
}

const unique: Rule = (context) => {
  const shape = context.shape(0)
  const hasAxis = context.node.attributes.has('axis')
  const axis = hasAxis && shape ? frontAxis(intAttribute(context.node, 'axis', 0), shape.length) : undefined
  const values: Shape | undefined = hasAxis
    ? shape && axis !== undefined
      ? withDim(shape, axis, null)
      : undefined
    : [null]
  const places = tensorFacts('int64', [null])
  return [tensorFacts(context.dtype(0), values), places, places, places]
}

const K_INPUT_OPSET = 10

const topK: Rule = (context) => {
  const shape = context.shape(0)
  const axis = shape && frontAxis(intAttribute(context.node, 'axis', -1), shape.length)
  const k = context.opset < K_INPUT_OPSET ? intAttribute(context.node, 'k', undefined) : scalarOf(context, 1)
  const dims = shape && axis !== undefined ? withDim(shape, axis, k === undefined ? null : sizeDim(k)) : undefined
  return [tensorFacts(context.dtype(0), dims), tensorFacts('int64', dims)]
}

const nonZero: Rule = (context) => {
  const rank = context.shape(0)?.length
  // ONNX leaves rank 0 open; ONNX Runtime answers one row for a scalar.
  return [tensorFacts('int64', [rank === undefined || rank === 0 ? null : rank, null])]
}

const loss: Rule = (context) => {
  const isPlain = stringAttribute(context.node, 'reduction', 'mean') === 'none'
  return [
    tensorFacts(context.dtype(0), isPlain ? context.shape(1) : []),
    tensorFacts(context.dtype(0), context.shape(0)),
  ]
}

const embedding: Rule = (context) => {
  const [table, indices] = [context.shape(0), context.shape(1)]
  return [tensorFacts(context.dtype(0), indices && [...indices, table?.[1] ?? null])]
}

const arrayFeature: Rule = (context) => {
  const shape = context.shape(0)
  const picked = context.shape(1)?.at(-1) ?? null
  const isFlat = shape?.length === 1
  return [tensorFacts(context.dtype(0), isFlat ? [1, picked] : shape && [...shape.slice(0, -1), picked])]
}

const cropAndResize: Rule = (context) => {
  const crop = context.value(3)?.items
  return [
    tensorFacts(context.dtype(0), [
      context.shape(1)?.[0] ?? null,
      context.shape(0)?.[1] ?? null,
      crop?.[0] ?? null,
      crop?.[1] ?? null,
    ]),
  ]
}

const distances: Rule = (context: NodeContext) => [
  tensorFacts(context.dtype(0), [context.shape(0)?.[0] ?? null, context.shape(1)?.[0] ?? null]),
]

const SAME = sameAs()

export const INDEXING_RULES: RuleTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Scatter: SAME,
  ScatterElements: SAME,
  ScatterND: SAME,
  TensorScatter: SAME,
  ReverseSequence: SAME,
  Trilu: SAME,
  CumSum: SAME,
  CumProd: SAME,
  Compress: compress,
  Unique: unique,
  TopK: topK,
  NonZero: nonZero,
  NonMaxSuppression: () => [tensorFacts('int64', [null, 3])],
  NegativeLogLikelihoodLoss: loss,
  SoftmaxCrossEntropyLoss: loss,
  StringSplit: (context) => [
    tensorFacts('string', unknownShape(context.shape(0) && (context.shape(0)?.length ?? 0) + 1)),
    tensorFacts('int64', context.shape(0)),
  ],
}

export const MICROSOFT_INDEXING_RULES: RuleTable = {
  GatherND: gatherNd,
  GatherBlockQuantized: gatherBlockQuantized,
  TorchEmbedding: embedding,
  CropAndResize: cropAndResize,
  CDist: distances,
}

export const ML_INDEXING_RULES: RuleTable = {
  ArrayFeatureExtractor: arrayFeature,
  Binarizer: SAME,
  Imputer: SAME,
  Normalizer: (context) => [tensorFacts('float32', context.shape(0))],
  Scaler: (context) => [tensorFacts('float32', context.shape(0))],
}
