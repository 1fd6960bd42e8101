// Options and promises of computing with 8-bit integers whose activation ranges are measured while the model runs, or fixed ahead of time.

import { calibrationOptionsWhen } from '../../core/calibration/calibration-options'
import { choice, defineSpec, names, toggle } from '../../core/options/spec'

/** The toolkit's layout has no other ranges than dynamic ones. */
const STATIC = { activationRanges: 'static', layout: 'engine' } as const

export const spec = defineSpec({
  id: 'quantize-dynamic',
  label: 'Quantize dynamically',
  summary:
    'Computes in 8-bit integers with float results. The ranges of activations are measured while the model runs, which needs no data, or fixed by data.',
  version: 2,
  options: {
    weightType: choice({
      label: 'Weight type',
      help: 'int8 keeps zero in the middle. uint8 fits lopsided weights closer where there is one scale per tensor.',
      choices: ['int8', 'uint8'],
      default: 'int8',
      sweep: ['int8', 'uint8'],
    }),
    granularity: choice({
      label: 'One scale per',
      help: 'Output channels differ in size, so a scale for each loses less, at nearly no cost.',
      choices: ['channel', 'tensor'],
      default: 'channel',
      sweep: ['channel', 'tensor'],
    }),
    activationRanges: choice({
      label: 'Ranges of activations',
      help: 'dynamic: measured each time the model runs. static: fixed by samples ahead of time, which is faster.',
      choices: ['dynamic', 'static'],
      default: 'dynamic',
      showWhen: { layout: 'engine' },
    }),
    ...calibrationOptionsWhen(STATIC),
    convolutions: toggle({
      label: 'Convolutions too',
      help: 'Off: they stay in float. Ranges that are measured while the model runs cost time in every convolution.',
      default: true,
      sweep: [true, false],
    }),
    depthwise: toggle({
      label: 'Depthwise convolutions too',
      help: 'They do so little arithmetic per value that measuring ranges costs more than integers save on CPUs.',
      default: false,
      advanced: true,
      showWhen: { convolutions: true, layout: 'engine' },
    }),
    embeddings: toggle({
      label: 'Embedding tables too',
      help: 'Stores the tables of Gather as 8-bit integers; only the rows that are looked up turn back into float.',
      default: true,
    }),
    layout: choice({
      label: 'Layout',
      help: 'engine: what runs best in ONNX Runtime. reference: node for node what onnxruntime.quantization 1.30 writes.',
      choices: ['engine', 'reference'],
      default: 'engine',
      advanced: true,
    }),
    reduceRange: toggle({
      label: 'One bit less for weights',
      help: 'For x64 CPUs without VNNI, whose sums of u8·s8 products saturate. WASM does not need it.',
      default: false,
      advanced: true,
    }),
    constantWeightsOnly: toggle({
      label: 'Only products with a constant weight',
      help: 'Off: products of two activations too, such as attention scores; both ranges are then measured each time.',
      default: true,
      advanced: true,
    }),
    subgraphs: toggle({
      label: 'Bodies of If, Loop and Scan too',
      help: 'Off: only nodes of the main graph are touched.',
      default: true,
      advanced: true,
    }),
    operators: names({
      label: 'Only these operators',
      help: 'Of MatMul, Gemm, Conv, Gather, Transpose and LSTM. Empty: all of them.',
      of: 'operator',
      advanced: true,
    }),
    nodes: names({
      label: 'Only these nodes',
      help: 'Names of nodes. Empty: all of them.',
      of: 'node',
      advanced: true,
    }),
    excludeNodes: names({
      label: 'Keep these nodes in float',
      help: 'Names of nodes that stay as they are, such as those that a sensitivity run blames.',
      of: 'node',
      advanced: true,
    }),
  },
  needs: { calibration: false, rangesWhen: [STATIC], opset: 11 },
  keeps: { idempotent: true, interface: true },
})
