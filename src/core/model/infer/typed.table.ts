// Operators of which only the element types are derived, and shapes where they are those of an input: rarely met ones, and ones whose
// sizes depend on data. No value of theirs is passed over because its type is unknown.

import { dtypeFromCode, type DType } from '../dtype'
import { intAttribute, stringAttribute } from '../node'
import type { Shape } from '../shape'
import { dtypeAttribute } from './generate.table'
import { tensorFacts, typeOnly, type NodeContext, type Rule, type RuleTable } from './rule'

/** An input whose type, or `like` that whose type and shape, an output has; or the type itself. */
type Output = number | { readonly like: number } | DType

const typed =
  (...outputs: readonly Output[]): Rule =>
  (context) =>
    outputs.map((output) => {
      if (typeof output === 'number') return tensorFacts(context.dtype(output), undefined)
      return typeof output === 'string' ? tensorFacts(output, undefined) : typeOnly(context.facts(output.like))
    })

const like = (input: number): Output => ({ like: input })
const first = like(0)

/** Inputs are rate, step and then n each of tensors, gradients and states; outputs are new tensors and new states. */
const optimizer =
  (groups: number): Rule =>
  (context) => {
    const count = Math.floor((context.inputCount - 2) / groups)
    return context.node.outputs.map((_, at) => (count > 0 ? typeOnly(context.facts(2 + (at % count))) : undefined))
  }

const rowsOf = (context: NodeContext): Shape => [context.shape(0)?.[0] ?? null]

/** A class per row, by number or by name, and its scores. */
const classifier: Rule = (context) => {
  const hasNames = ['classlabels_strings', 'classlabels_ints', 'classlabels_int64s'].find((name) =>
    context.node.attributes.has(name),
  )
  const label = hasNames === 'classlabels_strings' ? 'string' : 'int64'
  return [tensorFacts(label, rowsOf(context)), tensorFacts('float32', [...rowsOf(context), null])]
}

const regressor: Rule = (context) => [tensorFacts('float32', [...rowsOf(context), null])]

/** Words to numbers or back. */
const otherSide: Rule = (context) => {
  const dtype = context.dtype(0)
  return [tensorFacts(dtype && (dtype === 'string' ? 'int64' : 'string'), context.shape(0))]
}

const VALUES: Readonly<Record<string, DType>> = {
  values_strings: 'string',
  values_int64s: 'int64',
  values_floats: 'float32',
}

/** Version 1 maps strings to numbers and back; since version 2 the attribute with the values says what comes out. */
const labelEncoder: Rule = (context) => {
  const { attributes } = context.node
  const stated = attributes.get('values_tensor')
  const given = Object.keys(VALUES).find((name) => attributes.has(name))
  const dtype = stated?.kind === 'tensor' ? stated.value.dtype : given && VALUES[given]
  return dtype ? [tensorFacts(dtype, context.shape(0))] : otherSide(context)
}

const CASTS: Readonly<Record<string, DType>> = { TO_FLOAT: 'float32', TO_STRING: 'string', TO_INT64: 'int64' }

const castMap: Rule = ({ node }) => [tensorFacts(CASTS[stringAttribute(node, 'cast_to', 'TO_FLOAT')], undefined)]

export const TYPED_RULES: RuleTable = {
  CausalConvWithState: typed(first, 0),
  LinearAttention: typed(0, 3),
  SwiGLU: typed(0),
}

export const ML_TYPED_RULES: RuleTable = {
  CastMap: castMap,
  CategoryMapper: otherSide,
  FeatureVectorizer: typed('float32'),
  LabelEncoder: labelEncoder,
  LinearClassifier: classifier,
  LinearRegressor: regressor,
  OneHotEncoder: typed('float32'),
  SVMClassifier: classifier,
  SVMRegressor: regressor,
  TreeEnsemble: (context) => [tensorFacts(context.dtype(0), [...rowsOf(context), null])],
  TreeEnsembleClassifier: classifier,
  TreeEnsembleRegressor: regressor,
  ZipMap: () => [{ kind: 'sequence' }],
}

export const PREVIEW_TYPED_RULES: RuleTable = { FlexAttention: typed(0) }

export const TRAINING_TYPED_RULES: RuleTable = {
  Adagrad: optimizer(3),
  Adam: optimizer(4),
  Gradient: (context) => context.node.outputs.map(() => tensorFacts(context.dtype(0), undefined)),
  Momentum: optimizer(3),
}

export const MICROSOFT_TYPED_RULES: RuleTable = {
  AttnLSTM: typed(0, 0, 0),
  BeamSearch: typed(1, 5, 5),
  BifurcationDetector: typed(0, 0),
  BitmaskBiasDropout: typed(first, 'uint32'),
  BitmaskDropout: typed(first, 'uint32'),
  CausalConvWithState: typed(first, 0),
  DecoderAttention: typed(first, 0, 0),
  DecoderMaskedMultiHeadAttention: typed(0, 0, 0),
  DecoderMaskedSelfAttention: typed(0, 0),
  DequantizeBFP: (context) => [tensorFacts(dtypeAttribute(context, 'dtype') ?? 'float32', undefined)],
  DequantizeWithOrder: (context) => [tensorFacts(dtypeAttribute(context, 'to') ?? 'float32', context.shape(0))],
  DynamicTimeWarping: typed('int32'),
  EngramGate: typed(0),
  GatedAdd: typed(0),
  GatedDeltaNet: typed(0, 4, 4),
  GatedRMSNorm: typed(0),
  GatedRelativePositionBias: typed(0),
  GemmFloat8: (context) => [tensorFacts(dtypeFromCode(intAttribute(context.node, 'dtype', 1)), undefined)],
  GemmaRotaryEmbedding: typed(1, 1),
  GreedySearch: typed('int32'),
  Irfft: typed(0),
  LinearAttention: typed(0, 3),
  LinearAttentionGate: typed(0, 0),
  LongformerAttention: typed(first),
  MRotaryEmbedding: typed(first),
  MatMulBlockQuantizedFp4Weight: typed(0),
  MatMulBlockQuantizedFp8Weight: typed(0),
  MatMulNBitsMlp: typed(0, 0),
  MatMulNBitsQkv: typed(0, 0, 0, 0),
  MoE: typed(first),
  MurmurHash3: (context) => [
    tensorFacts(intAttribute(context.node, 'positive', 1) === 1 ? 'uint32' : 'int32', context.shape(0)),
  ],
  NGramHashMapping: typed(0, 0),
  PackedAttention: typed(0),
  PackedMultiHeadAttention: typed(0),
  PagedAttention: typed(0, like(3), like(4)),
  QMoE: typed(first),
  QOrderedAttention: typed('int8'),
  QOrderedGelu: typed(first),
  QOrderedLayerNormalization: typed(first),
  QOrderedLongformerAttention: typed(first),
  QOrderedMatMul: typed('int8'),
  QuantizeBFP: typed('uint8', 'int64', 'int64'),
  QuantizeWithOrder: (context) => [tensorFacts('int8', context.shape(0))],
  Range: (context) => [tensorFacts(context.dtype(0), [null])],
  RelativePositionBias: typed(0),
  RemovePadding: typed(0, 'int32', 'int32', 'int32'),
  RestorePadding: typed(0),
  Rfft: typed(0),
  SampleOp: typed(first),
  Sampling: typed('int32', 'float32'),
  SparseAttention: typed(0, 0, 0),
  SparseToDenseMatMul: typed(1),
  Tokenizer: typed('string'),
  Unique: typed(0, 'int64', 'int64'),
  VarlenCausalConvWithState: typed(0, 0, 0),
  WhisperBeamSearch: typed('int32', 5, 5, 'float32', 5),
  WordConvEmbedding: typed(1),
}
