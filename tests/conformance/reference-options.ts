// Options of the reference toolkit → options of Lathe's techniques, and runs them on the reference's ranges. An option without a line here
// is an error, so that nothing is left to defaults unseen.

import type { Model } from '../../src/core/model/model'
import { calibrationOptions, type CalibrationOptions } from '../../src/core/calibration/calibration-options'
import { isOp } from '../../src/core/model/node'
import { parseOptions } from '../../src/core/options/parse-options'
import type { TensorOverride, TensorOverrides } from '../../src/core/options/tensor-overrides'
import type { PassContext } from '../../src/core/pass/pass-context'
import type { PassResult } from '../../src/core/pass/technique'
import { apply as castFloat16 } from '../../src/techniques/cast-float16/apply'
import { spec as float16 } from '../../src/techniques/cast-float16/spec'
import { apply as quantizeBlocks } from '../../src/techniques/quantize-blocks/apply'
import { spec as blocks } from '../../src/techniques/quantize-blocks/spec'
import { apply as quantizeDynamic } from '../../src/techniques/quantize-dynamic/apply'
import { spec as dynamic } from '../../src/techniques/quantize-dynamic/spec'
import { apply as quantizeStatic } from '../../src/techniques/quantize-static/apply'
import { spec as statics } from '../../src/techniques/quantize-static/spec'
import {
  float32Ranges,
  type BlocksCase,
  type CaseModel,
  type DynamicCase,
  type Float16Case,
  type ReferenceCase,
  type ReferenceOverride,
  type ReferenceOverrides,
  type StaticCase,
} from './reference-cases'

/** What Lathe makes of `model` with the options of the case and the ranges that the reference used. */
export function runCase(
  model: Model,
  facts: CaseModel,
  options: ReferenceCase,
  context: PassContext,
): Promise<PassResult> {
  const given = { ...context, ranges: float32Ranges(facts.ranges) }
  switch (options.tool) {
    case 'static':
      return quantizeStatic(model, parseOptions(statics.options, staticOptions(options, facts), 'options'), given)
    case 'dynamic':
      return quantizeDynamic(model, parseOptions(dynamic.options, dynamicOptions(options), 'options'), given)
    case 'float16':
      return castFloat16(model, parseOptions(float16.options, float16Options(options), 'options'), given)
    case 'blocks':
      return quantizeBlocks(model, parseOptions(blocks.options, blocksOptions(options, model), 'options'), given)
    default:
      return options satisfies never
  }
}

const TYPES = { u8: 'uint8', i8: 'int8', u16: 'uint16', i16: 'int16', i4: 'int4' } as const
type Raw = Readonly<Record<string, unknown>>

function staticOptions(options: StaticCase, facts: CaseModel): Raw {
  const extra = Object.entries(options.extra_options).map(([name, value]) => extraOption(name, value, facts))
  return {
    placement: 'reference',
    activationType: TYPES[options.activation_type],
    weightType: TYPES[options.weight_type],
    granularity: options.per_channel ? 'channel' : 'tensor',
    reduceRange: options.reduce_range,
    // The toolkit's default; Lathe's is the last axis, which differs for factors of rank 3.
    matMulAxis: 1,
    operators: options.op_types_to_quantize ?? [],
    excludeNodes: options.nodes_to_exclude ? [facts.firstLayer] : [],
    ...Object.assign({}, ...extra),
  }
}

const SAME_OPTIONS: Readonly<Record<string, string>> = {
  ActivationSymmetric: 'activationSymmetric',
  ActivationRestrictedAsymmetric: 'activationRestrictedAsymmetric',
  ForceQuantizeNoInputCheck: 'forcePassThrough',
  AddQDQPairToWeight: 'addQdqPairToWeight',
  OpTypesToExcludeOutputQuantization: 'excludeOutputs',
  DedicatedQDQPair: 'dedicatedPairs',
  QDQKeepRemovableActivations: 'keepRemovable',
  QuantizeBias: 'quantizeBias',
  UseQDQContribOps: 'contribOps',
  MinimumRealRange: 'minRealRange',
  BlockSize: 'blockSize',
}

/** `extra_options` whose value is the same in both, and those whose is not. */
function extraOption(name: string, value: unknown, facts: CaseModel): Raw {
  const same = SAME_OPTIONS[name]
  if (same) return { [same]: value }
  switch (name) {
    case 'WeightSymmetric':
      return { weightSymmetric: value === true ? 'yes' : 'no' }
    case 'QDQDisableWeightAdjustForInt32Bias':
      return { adjustWeightForBias: value !== true }
    case 'QDQOpTypePerChannelSupportToAxis':
      return { matMulAxis: (value as { readonly MatMul: number }).MatMul }
    case 'TensorQuantOverrides':
      return { overrides: overridesOf(facts.overrides[String(value)] ?? {}) }
    default:
      throw new Error(`The option ${name} of the reference has no counterpart.`)
  }
}

const overridesOf = (overrides: ReferenceOverrides): TensorOverrides =>
  Object.fromEntries(Object.entries(overrides).map(([name, list]) => [name, list.map(overrideOf)]))

function overrideOf({ axis, convert, ...parameters }: ReferenceOverride): TensorOverride {
  return {
    ...parametersOf(parameters),
    ...(axis !== undefined && { axis }),
    ...(convert && {
      convert: {
        ...parametersOf(convert),
        quantType: TYPES[convert.quant_type],
        ...(convert.recv_nodes && { receivers: [...convert.recv_nodes] }),
      },
    }),
  }
}

const PARAMETERS = {
  scale: 'scale',
  zero_point: 'zeroPoint',
  symmetric: 'symmetric',
  reduce_range: 'reduceRange',
  rmin: 'min',
  rmax: 'max',
} as const

function parametersOf(given: ReferenceOverride): TensorOverride {
  const names = Object.entries(PARAMETERS) as [keyof typeof PARAMETERS, string][]
  const same = names.filter(([name]) => given[name] !== undefined).map(([name, ours]) => [ours, given[name]])
  return { ...Object.fromEntries(same), ...(given.quant_type && { quantType: TYPES[given.quant_type] }) }
}

function dynamicOptions({ weight_type, per_channel, reduce_range, extra_options }: DynamicCase): Raw {
  const { EnableSubgraph = false, MatMulConstBOnly = true, ...others } = extra_options
  if (Object.keys(others).length > 0) throw new Error(`No counterpart for ${Object.keys(others).join(', ')}.`)
  return {
    layout: 'reference',
    weightType: TYPES[weight_type],
    granularity: per_channel ? 'channel' : 'tensor',
    reduceRange: reduce_range,
    subgraphs: EnableSubgraph,
    constantWeightsOnly: MatMulConstBOnly,
  }
}

const ALGORITHMS = { default: 'rtn', rtn: 'rtn-inc', k_quant: 'k-quant', hqq: 'hqq' } as const

const blocksOptions = (options: BlocksCase, { graph }: Model): Raw => ({
  bits: String(options.bits),
  blockSize: String(options.block_size),
  symmetric: options.is_symmetric,
  algorithm: ALGORITHMS[options.algorithm],
  format: options.quant_format === 'QDQ' ? 'qdq' : 'matmul-nbits',
  embeddings: options.op_types?.includes('Gather') ?? false,
  // The toolkit leaves no weight out for being small.
  minElements: 1,
  // It knows MatMul and Gather; Lathe stores the weights of Gemm too.
  excludeNodes: graph.nodes.filter((node) => isOp(node, 'Gemm')).map(({ name }) => name),
})

const CALIBRATIONS: Readonly<Record<string, Raw>> = {
  MinMax: {},
  'MinMax symmetric': { symmetricRanges: true },
  'moving average': { calibrationMethod: 'moving-average' },
  'Percentile 99.999': { calibrationMethod: 'percentile', symmetricRanges: true },
  'Percentile 99 asymmetric': { calibrationMethod: 'percentile', percentile: 99 },
  'Entropy 256/128': { calibrationMethod: 'entropy', histogramBins: 256 },
}

/** Options for a calibration of the reference, by its name in tools/conformance/reference.py. */
export function calibrationOf(method: string): CalibrationOptions {
  const raw = CALIBRATIONS[method]
  if (!raw) throw new Error(`The calibration ${method} of the reference has no counterpart.`)
  return parseOptions(calibrationOptions, raw, 'options')
}

/** The toolkit's own algorithms name their tensors otherwise than those that it took from Intel's compressor. */
export const nameInLathe = (options: ReferenceCase, name: string): string =>
  options.tool === 'blocks' && (options.algorithm === 'rtn' || options.algorithm === 'k_quant')
    ? name
        .replace(/_Q4G\d+$/, '_Q4')
        .replace(/_scale$/, '_scales')
        .replace(/_zp$/, '_zero_points')
    : name

const float16Options = ({ keep_io_types, op_block_list }: Float16Case): Raw => ({
  keepIo: keep_io_types,
  floatOps: op_block_list ?? [],
})
