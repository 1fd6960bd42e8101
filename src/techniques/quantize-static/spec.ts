// Options and promises of computing with integers whose activation ranges were measured ahead of time on real data.

import { calibrationOptions } from '../../core/calibration/calibration-options'
import { choice, defineSpec, integer, names, overrides, real, toggle, type OptionsOf } from '../../core/options/spec'

const REFERENCE = { placement: 'reference' } as const

export const spec = defineSpec({
  id: 'quantize-static',
  label: 'Quantize statically',
  summary:
    'Computes in integers with ranges that were measured on real samples: with 8 bits the fastest form for CPUs.',
  version: 3,
  options: {
    placement: choice({
      label: 'What is quantized',
      help: 'fused: only what ONNX Runtime computes in integers. reference: all that onnxruntime.quantization 1.30 quantizes, tensor for tensor.',
      choices: ['fused', 'reference'],
      default: 'fused',
    }),
    activationType: choice({
      label: 'Activation type',
      help: 'uint8 is the faster one on x64 in WASM; int8 may suit other hardware. 16 bits are for NPUs: CPUs compute them in float.',
      choices: ['uint8', 'int8', 'uint16', 'int16'],
      default: 'uint8',
      sweep: ['uint8', 'int8'],
    }),
    weightType: choice({
      label: 'Weight type',
      help: 'Integer kernels of CPUs want 8 bits, int8 above all. 4 bits are smaller and 16 bits finer, both computed in float.',
      choices: ['int8', 'uint8', 'int16', 'uint16', 'int4', 'uint4'],
      default: 'int8',
    }),
    granularity: choice({
      label: 'One weight scale per',
      help: 'Output channels differ in size, so a scale for each loses less, at nearly no cost.',
      choices: ['channel', 'tensor'],
      default: 'channel',
      sweep: ['channel', 'tensor'],
    }),
    ...calibrationOptions,
    depthwise: toggle({
      label: 'Depthwise convolutions too',
      help: 'They do so little arithmetic per value that integers make them slower on CPUs. On, the file is a little smaller.',
      default: false,
      sweep: [false, true],
      showWhen: { placement: 'fused' },
    }),
    operators: names({
      label: 'Only these operators',
      help: 'Types of operators, such as Conv. Empty: all that are known to quantize well.',
      of: 'operator',
      advanced: true,
    }),
    nodes: names({
      label: 'Only these nodes',
      help: 'Names of nodes. Empty: all of them. A node without a name goes by that of its first output.',
      of: 'node',
      advanced: true,
    }),
    excludeNodes: names({
      label: 'Keep these nodes in float',
      help: 'Names of nodes that stay as they are, such as those that a sensitivity run blames.',
      of: 'node',
      advanced: true,
    }),
    activationSymmetric: toggle({
      label: 'Symmetric activations',
      help: 'Zero in the middle of the type, as some accelerators want it. Relu and Clip then stay in the graph.',
      default: false,
      advanced: true,
    }),
    activationRestrictedAsymmetric: toggle({
      label: 'Zero points 0 or 128 only',
      help: 'For uint8 activations: 0 where no value is negative, else 128.',
      default: false,
      advanced: true,
      showWhen: { activationType: 'uint8' },
    }),
    weightSymmetric: choice({
      label: 'Symmetric weights',
      help: 'auto: signed types are. One scale per channel is symmetric always, as integer kernels want it.',
      choices: ['auto', 'yes', 'no'],
      default: 'auto',
      advanced: true,
    }),
    reduceRange: toggle({
      label: 'One bit less for weights',
      help: 'For x64 CPUs without VNNI, whose sums of u8·s8 products saturate. WASM does not need it.',
      default: false,
      advanced: true,
    }),
    minRealRange: real({
      label: 'Smallest range',
      help: 'Ranges are widened to at least this, as some accelerators want it. 0: as they are.',
      default: 0,
      min: 0,
      max: 1,
      advanced: true,
    }),
    blockSize: integer({
      label: 'Block of weights',
      help: 'One scale per so many weights along an axis of a matrix; needs opset 21. 0: no blocks.',
      default: 0,
      min: 0,
      max: 1024,
      advanced: true,
    }),
    matMulAxis: integer({
      label: 'Channel axis of MatMul',
      help: 'Axis of a constant factor that has one scale per index; negative ones count from the end.',
      default: -1,
      min: -4,
      max: 3,
      advanced: true,
      showWhen: { granularity: 'channel' },
    }),
    normsPerChannel: toggle({
      label: 'One scale per channel in normalizations',
      help: 'Off: the scale vector of a normalization is quantized as a whole.',
      default: false,
      advanced: true,
      showWhen: REFERENCE,
    }),
    quantizeBias: toggle({
      label: 'Biases as int32',
      help: 'What integer kernels add up in. Off, biases stay in float and are converted when the model is loaded.',
      default: true,
      advanced: true,
    }),
    adjustWeightForBias: toggle({
      label: 'Raise weight scales for biases',
      help: 'Where a bias would overflow int32 beside tiny weights, their scale is raised until it fits.',
      default: true,
      advanced: true,
    }),
    addQdqPairToWeight: toggle({
      label: 'Weights stay in float',
      help: 'QuantizeLinear and DequantizeLinear behind float weights instead of integers in the file: for TensorRT.',
      default: false,
      advanced: true,
    }),
    dedicatedPairs: toggle({
      label: 'A pair per reader',
      help: 'Each reader of an activation gets its own QuantizeLinear and DequantizeLinear: for TensorRT.',
      default: false,
      advanced: true,
    }),
    contribOps: toggle({
      label: 'Operators of com.microsoft',
      help: 'QuantizeLinear and DequantizeLinear of ONNX Runtime instead of ONNX: more types at old opsets, on CPUs only.',
      default: false,
      advanced: true,
    }),
    forcePassThrough: toggle({
      label: 'Quantize operators that move values',
      help: 'Off: MaxPool, Reshape, Transpose and others follow only where their input is quantized already.',
      default: false,
      advanced: true,
      showWhen: REFERENCE,
    }),
    keepRemovable: toggle({
      label: 'Keep Relu and Clip',
      help: 'Off: they go where the integers before them saturate at their bounds.',
      default: false,
      advanced: true,
    }),
    excludeOutputs: names({
      label: 'Float results of these operators',
      help: 'Types of operators whose results are not quantized.',
      of: 'operator',
      advanced: true,
      showWhen: REFERENCE,
    }),
    overrides: overrides({
      label: 'Single tensors',
      help: 'Type, range or scale of single tensors, and types that some readers get instead.',
      advanced: true,
    }),
  },
  needs: { calibration: true, opset: 13 },

  keeps: { idempotent: true, interface: true },
})

export type StaticOptions = OptionsOf<(typeof spec)['options']>
