// Options and promises of storing weights in blocks of 2, 4 or 8 bits.

import { choice, defineSpec, integer, names, toggle } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'quantize-blocks',
  label: 'Quantize weights in blocks',
  summary: 'Stores the weights of matrix products in 2, 4 or 8 bits, with a scale for each small block.',
  version: 1,
  options: {
    bits: choice({
      label: 'Bits per weight',
      help: '4 is the usual choice. 8 hardly changes the answers; 2 is for experiments, most networks do not survive it.',
      choices: ['2', '4', '8'],
      default: '4',
      sweep: ['2', '4', '8'],
    }),
    blockSize: choice({
      label: 'Block size',
      help: 'Weights that share a scale. Smaller is more exact and larger in the file: 32 costs one bit per weight, 128 a quarter.',
      choices: ['16', '32', '64', '128', '256'],
      default: '32',
      sweep: ['16', '32', '64', '128'],
    }),
    symmetric: toggle({
      label: 'Symmetric',
      help: 'No zero points: a little smaller and faster, a little less exact. k-quant and HQQ always have zero points.',
      default: false,
      sweep: [false, true],
    }),
    algorithm: choice({
      label: 'Algorithm',
      help: 'rtn rounds to nearest, rtn-inc as Neural Compressor does. k-quant and hqq look for better grids without data, gptq for the least error of the outputs on real samples.',
      choices: ['rtn', 'rtn-inc', 'k-quant', 'hqq', 'gptq'],
      default: 'rtn',
      sweep: ['rtn', 'k-quant', 'hqq'],
    }),
    calibrationSamples: integer({
      label: 'Calibration samples',
      help: 'So many samples show gptq what layers get as input, spread evenly over the data at hand.',
      default: 64,
      min: 1,
      max: 4096,
      unit: 'samples',
      showWhen: { algorithm: 'gptq' },
    }),
    format: choice({
      label: 'Format',
      help: 'matmul-nbits is what GPUs compute with directly. qdq is plain ONNX (opset 21), 4 or 8 bits, restored by the runtime.',
      choices: ['matmul-nbits', 'qdq'],
      default: 'matmul-nbits',
    }),
    embeddings: toggle({
      label: 'Embeddings too',
      help: 'Lookup tables of Gather in 4 bits, whatever the bits of the other weights.',
      default: false,
      showWhen: { format: 'matmul-nbits' },
    }),
    accuracyLevel: integer({
      label: 'Accuracy level',
      help: 'What the kernel may compute in: 0 says nothing, 1 float32, 2 float16, 3 bfloat16, 4 int8. WASM ignores it.',
      default: 0,
      min: 0,
      max: 4,
      advanced: true,
      showWhen: { format: 'matmul-nbits' },
    }),
    excludeNodes: names({
      label: 'Leave out',
      help: 'Nodes whose weights stay in float, such as the last layer.',
      of: 'nodes',
      advanced: true,
    }),
    minElements: integer({
      label: 'Smallest weight',
      help: 'Weights with fewer numbers stay in float: they save little and may matter much.',
      default: 1024,
      min: 1,
      max: 1_000_000,
      unit: 'numbers',
      advanced: true,
    }),
  },
  needs: { calibration: false, samplesWhen: [{ algorithm: 'gptq' }], opset: 13 },
  keeps: { idempotent: true, interface: true, sqnrDb: 10 },
})
