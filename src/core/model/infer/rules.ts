// All rules in one look-up by domain and operator. An operator that is not here is unknown to inference.

import { ATTENTION_RULES, MICROSOFT_ATTENTION_RULES } from './attention.table'
import { CONTROL_FLOW_RULES } from './control-flow.table'
import { CONVOLUTION_RULES, MICROSOFT_CONVOLUTION_RULES } from './convolution.table'
import { ELEMENTWISE_RULES, MICROSOFT_ELEMENTWISE_RULES } from './elementwise.table'
import { GENERATE_RULES } from './generate.table'
import { INDEXING_RULES, MICROSOFT_INDEXING_RULES, ML_INDEXING_RULES } from './indexing.table'
import { MATMUL_RULES, MICROSOFT_MATMUL_RULES } from './matmul.table'
import { MICROSOFT_NORMALIZATION_RULES, NORMALIZATION_RULES } from './normalization.table'
import { MICROSOFT_QUANTIZE_RULES, QUANTIZE_RULES } from './quantize.table'
import { MICROSOFT_RECURRENT_RULES, RECURRENT_RULES } from './recurrent.table'
import { MICROSOFT_REDUCE_RULES, REDUCE_RULES } from './reduce.table'
import { MICROSOFT_RESHAPE_RULES, RESHAPE_RULES } from './reshape.table'
import type { Rule, RuleTable } from './rule'
import { SEQUENCE_RULES } from './sequence.table'
import {
  MICROSOFT_TYPED_RULES,
  ML_TYPED_RULES,
  PREVIEW_TYPED_RULES,
  TRAINING_TYPED_RULES,
  TYPED_RULES,
} from './typed.table'

const merge = (...tables: readonly RuleTable[]): ReadonlyMap<string, Rule> =>
  new Map(tables.flatMap((table) => Object.entries(table)))

const ONNX = merge(
  ATTENTION_RULES,
  CONTROL_FLOW_RULES,
  CONVOLUTION_RULES,
  ELEMENTWISE_RULES,
  GENERATE_RULES,
  INDEXING_RULES,
  MATMUL_RULES,
  NORMALIZATION_RULES,
  QUANTIZE_RULES,
  RECURRENT_RULES,
  REDUCE_RULES,
  RESHAPE_RULES,
  SEQUENCE_RULES,
  TYPED_RULES,
)

const RULES: ReadonlyMap<string, ReadonlyMap<string, Rule>> = new Map([
  ['', ONNX],
  ['ai.onnx', ONNX],
  ['ai.onnx.ml', merge(ML_INDEXING_RULES, ML_TYPED_RULES)],
  ['ai.onnx.preview', merge(PREVIEW_TYPED_RULES)],
  ['ai.onnx.preview.training', merge(TRAINING_TYPED_RULES)],
  [
    'com.microsoft',
    merge(
      MICROSOFT_ATTENTION_RULES,
      MICROSOFT_CONVOLUTION_RULES,
      MICROSOFT_ELEMENTWISE_RULES,
      MICROSOFT_INDEXING_RULES,
      MICROSOFT_MATMUL_RULES,
      MICROSOFT_NORMALIZATION_RULES,
      MICROSOFT_QUANTIZE_RULES,
      MICROSOFT_RECURRENT_RULES,
      MICROSOFT_REDUCE_RULES,
      MICROSOFT_RESHAPE_RULES,
      MICROSOFT_TYPED_RULES,
    ),
  ],
])

export const findRule = (domain: string, opType: string): Rule | undefined => RULES.get(domain)?.get(opType)
