// Options and promises of computing with 8-bit integers whose activation ranges are measured while the model runs.

import { choice, defineSpec, toggle } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'quantize-dynamic',
  label: 'Quantize dynamically',
  summary:
    'Computes in 8-bit integers; the ranges of activations are measured while the model runs, so it needs no data.',
  version: 1,
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
    convolutions: toggle({
      label: 'Convolutions too',
      help: 'Measured ranges cost time in every convolution; with data at hand, static quantization is faster.',
      default: true,
      sweep: [true, false],
    }),
    depthwise: toggle({
      label: 'Depthwise convolutions too',
      help: 'They do so little arithmetic per value that measuring ranges costs more than integers save on CPUs.',
      default: false,
      advanced: true,
      showWhen: { convolutions: true },
    }),
    embeddings: toggle({
      label: 'Embedding tables too',
      help: 'Stores the tables of Gather as 8-bit integers; only the rows that are looked up turn back into float.',
      default: true,
    }),
  },
  needs: { calibration: false, opset: 11 },
  keeps: { idempotent: true, interface: true },
})
