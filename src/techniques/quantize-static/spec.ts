// Options and promises of computing with 8-bit integers whose activation ranges were measured ahead of time on real data.

import { choice, defineSpec, integer, toggle, type OptionsOf } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'quantize-static',
  label: 'Quantize statically',
  summary: 'Computes in 8-bit integers with ranges that were measured on real samples: the fastest form for CPUs.',
  version: 2,
  options: {
    activationType: choice({
      label: 'Activation type',
      help: 'uint8 is the faster one on x64 in WASM; int8 may suit other hardware.',
      choices: ['uint8', 'int8'],
      default: 'uint8',
      sweep: ['uint8', 'int8'],
    }),
    granularity: choice({
      label: 'One weight scale per',
      help: 'Output channels differ in size, so a scale for each loses less, at nearly no cost.',
      choices: ['channel', 'tensor'],
      default: 'channel',
      sweep: ['channel', 'tensor'],
    }),
    calibrationSamples: integer({
      label: 'Calibration samples',
      help: 'Ranges are measured on this many samples, spread evenly over the data at hand.',
      default: 128,
      min: 1,
      max: 4096,
      sweep: [16, 128],
    }),
    depthwise: toggle({
      label: 'Depthwise convolutions too',
      help: 'They do so little arithmetic per value that integers make them slower on CPUs. On, the file is a little smaller.',
      default: false,
      sweep: [false, true],
    }),
    quantizeBias: toggle({
      label: 'Biases as int32',
      help: 'What integer kernels add up in. Off, biases stay in float and are converted when the model is loaded.',
      default: true,
      advanced: true,
    }),
  },
  needs: { calibration: true, opset: 13 },

  keeps: { idempotent: true, interface: true },
})

export type StaticOptions = OptionsOf<(typeof spec)['options']>
