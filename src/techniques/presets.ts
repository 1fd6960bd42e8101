// The recipes that Lathe ships, by name: chips in the page, `--recipe NAME` on the command line. Plain data.
// Options that are not named take their technique's default when the recipe is parsed.

import type { OptionValue } from '../core/options/spec'
import type { TargetId } from '../core/recipe/target'
import type { TechniqueId } from './catalog'

export interface Preset {
  /** A chip: two or three words. */
  readonly label: string
  /** What it is good for, one sentence. */
  readonly summary: string
  readonly steps: readonly {
    readonly technique: TechniqueId
    readonly options?: Readonly<Record<string, OptionValue>>
  }[]
  /** The engine it writes for, where that is not one of the page. */
  readonly target?: TargetId
}

const prepare = [
  { technique: 'fold-batch-norm' },
  { technique: 'fold-constants' },
  { technique: 'simplify-graph' },
] as const

export const presets = {
  copy: {
    label: 'Copy',
    summary: 'Decodes and encodes the model and changes nothing: the control of every experiment.',
    steps: [],
  },
  'int8-static': {
    label: 'int8, calibrated',
    summary:
      'Integer weights and activations, ranges measured on real data. A quarter of the size, often the fastest on CPUs.',
    steps: [...prepare, { technique: 'quantize-static', options: { activationType: 'uint8' } }],
  },
  'int8-integer': {
    label: 'int8, integer operators',
    summary:
      'Integer products with float results between them, ranges measured on real data. Often the fastest for convolutions in WASM.',
    steps: [...prepare, { technique: 'quantize-dynamic', options: { activationRanges: 'static' } }],
  },
  'int8-dynamic': {
    label: 'int8, no data needed',
    summary: 'Integer weights; the ranges of activations are measured while the model runs. Good for transformers.',
    steps: [...prepare, { technique: 'quantize-dynamic' }],
  },
  'int8-weights': {
    label: 'int8 weights only',
    summary: 'A quarter of the download; computes in float as before, so the answers barely change.',
    steps: [...prepare, { technique: 'quantize-weights' }],
  },
  'int4-weights': {
    label: 'int4 weights',
    summary: 'Matrix products with weights of 4 bits: a sixth of their size. For transformers on GPUs; slow on WASM.',
    steps: [...prepare, { technique: 'quantize-blocks' }],
  },
  fp16: {
    label: 'float16',
    summary: 'Half the size. Fast on GPUs with 16-bit arithmetic; on CPUs it is converted back and slower.',
    steps: [...prepare, { technique: 'cast-float16' }],
  },
  'ort-x64': {
    label: 'ONNX Runtime x64',
    summary: 'Calibrated int8 for ONNX Runtime on processors with VNNI: uint8 activations, int8 weights per channel.',
    steps: [
      ...prepare,
      {
        technique: 'quantize-static',
        options: { placement: 'reference', activationType: 'uint8', granularity: 'channel' },
      },
    ],
    target: 'ort-x64',
  },
  'ort-x64-no-vnni': {
    label: 'ONNX Runtime x64, no VNNI',
    summary: 'The same with weights of seven bits, because sums of u8·s8 products saturate on processors without VNNI.',
    steps: [
      ...prepare,
      {
        technique: 'quantize-static',
        options: { placement: 'reference', activationType: 'uint8', granularity: 'channel', reduceRange: true },
      },
    ],
    target: 'ort-x64-no-vnni',
  },
  tensorrt: {
    label: 'TensorRT',
    summary:
      'Symmetric int8 for activations and weights, a pair around every input and weight and none behind outputs, float biases.',
    steps: [
      ...prepare,
      {
        technique: 'quantize-static',
        options: {
          placement: 'reference',
          activationType: 'int8',
          activationSymmetric: true,
          granularity: 'channel',
          addQdqPairToWeight: true,
          dedicatedPairs: true,
          quantizeBias: false,
          operators: ['Add', 'Conv', 'Gemm', 'MatMul'],
          excludeOutputs: ['Add', 'Conv', 'Gemm', 'MatMul'],
        },
      },
    ],
    target: 'tensorrt',
  },
  openvino: {
    label: 'OpenVINO',
    summary: 'As NNCF does it: uint8 activations, symmetric int8 weights per channel, float biases.',
    steps: [
      ...prepare,
      {
        technique: 'quantize-static',
        options: { placement: 'reference', activationType: 'uint8', granularity: 'channel', quantizeBias: false },
      },
    ],
    target: 'openvino',
  },
  qnn: {
    label: 'QNN',
    summary: 'uint16 activations and uint8 weights for Hexagon processors; every operator is quantized.',
    steps: [
      ...prepare,
      {
        technique: 'quantize-static',
        options: {
          placement: 'reference',
          activationType: 'uint16',
          weightType: 'uint8',
          granularity: 'tensor',
          forcePassThrough: true,
          minRealRange: 0.0001,
        },
      },
    ],
    target: 'qnn',
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets
