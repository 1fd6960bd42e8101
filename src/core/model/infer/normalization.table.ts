// Normalizations: the first output is like the input, further ones hold statistics.

import { dtypeFromCode } from '../dtype'
import { intAttribute } from '../node'
import type { Dim, Shape } from '../shape'
import { frontAxis } from './dims'
import { sameAs, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'

const SAME = sameAs()

/** Before opset 14 the statistics were outputs 1–4 of the training form; since then running mean and variance. */
const batchNormalization: Rule = (context) => {
  const channels: Shape = [context.shape(0)?.[1] ?? context.shape(1)?.[0] ?? null]
  const statistics = tensorFacts(context.dtype(3) ?? context.dtype(0), channels)
  return [tensorFacts(context.dtype(0), context.shape(0)), statistics, statistics, statistics, statistics]
}

/** Statistics have one element where the normalized axes were. */
function statisticsShape(context: NodeContext): Shape | undefined {
  const shape = context.shape(0)
  const axis = shape && frontAxis(intAttribute(context.node, 'axis', -1), shape.length)
  return axis === undefined ? undefined : shape?.map((dim, at) => (at < axis ? dim : 1))
}

const layerNormalization: Rule = (context) => {
  const statistics = tensorFacts(dtypeFromCode(intAttribute(context.node, 'stash_type', 1)), statisticsShape(context))
  return [tensorFacts(context.dtype(0), context.shape(0)), statistics, statistics]
}

/** Adds the skip connection first; the sum is the fourth output. */
const skipNormalization: Rule = (context) => {
  const shape = context.shape(0)
  const statistics = tensorFacts(
    'float32',
    shape?.map((dim, at) => (at < shape.length - 1 ? dim : 1)),
  )
  const like = tensorFacts(context.dtype(0), shape)
  return [like, statistics, statistics, like]
}

const embedNormalization: Rule = (context) => {
  const ids = context.shape(0)
  const size: Dim = context.shape(2)?.[1] ?? null
  const [batch, length]: [Dim, Dim] = [ids?.[0] ?? null, ids?.[1] ?? null]
  const embedded = tensorFacts(context.dtype(2), [batch, length, size])
  return [embedded, tensorFacts('int32', [batch]), embedded]
}

const quantizedEmbedNormalization: Rule = (context) => {
  const ids = context.shape(0)
  const [batch, length]: [Dim, Dim] = [ids?.[0] ?? null, ids?.[1] ?? null]
  return [tensorFacts('float32', [batch, length, context.shape(2)?.[1] ?? null]), tensorFacts('int32', [batch])]
}

export const NORMALIZATION_RULES: RuleTable = {
  BatchNormalization: batchNormalization,
  GroupNormalization: SAME,
  Hardmax: SAME,
  InstanceNormalization: SAME,
  LayerNormalization: layerNormalization,
  LogSoftmax: SAME,
  LpNormalization: SAME,
  LRN: SAME,
  MeanVarianceNormalization: SAME,
  RMSNormalization: SAME,
  /** Defined by ONNX Runtime in the ONNX domain. */
  SimplifiedLayerNormalization: layerNormalization,
  Softmax: SAME,
}

export const MICROSOFT_NORMALIZATION_RULES: RuleTable = {
  EmbedLayerNormalization: embedNormalization,
  GroupNorm: SAME,
  QEmbedLayerNormalization: quantizedEmbedNormalization,
  SkipGroupNorm: (context) => {
    const like = tensorFacts(context.dtype(0), context.shape(0))
    return [like, like]
  },
  SkipLayerNormalization: skipNormalization,
  SkipSimplifiedLayerNormalization: skipNormalization,
}
