// Options and promises of storing weights as 8-bit integers.

import { choice, defineSpec, integer } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'quantize-weights',
  label: 'Quantize weights',
  summary: 'Stores weights as 8-bit integers with a scale; the model computes in float as before.',
  version: 1,
  options: {
    weightType: choice({
      label: 'Weight type',
      help: 'int8 keeps zero in the middle; uint8 fits the range of each scale closely, a little finer for lopsided weights.',
      choices: ['int8', 'uint8'],
      default: 'int8',
      sweep: ['int8', 'uint8'],
    }),
    granularity: choice({
      label: 'One scale per',
      help: 'Output channels differ in size, so a scale for each loses less. One per tensor saves a few bytes.',
      choices: ['channel', 'tensor'],
      default: 'channel',
      sweep: ['channel', 'tensor'],
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
  needs: { calibration: false, opset: 13 },
  keeps: { idempotent: true, interface: true },
})
