// Options and promises of converting a float32 model to float16.

import { choice, defineSpec, integer, names, real, toggle, type OptionsOf } from '../../core/options/spec'

const computes = { mode: 'compute' } as const
const measures = { measured: true } as const

export const spec = defineSpec({
  id: 'cast-float16',
  label: 'Half precision',
  summary: 'Stores and computes in 16-bit floats: half the size, and fast on GPUs with 16-bit arithmetic.',
  version: 2,
  options: {
    mode: choice({
      label: 'Use float16 to',
      help: 'compute: operators work in float16. storage: weights are stored in float16 and turned back when the model is loaded.',
      choices: ['compute', 'storage'],
      default: 'compute',
      sweep: ['compute', 'storage'],
    }),
    keepIo: toggle({
      label: 'Keep inputs and outputs in float32',
      help: 'The model is called as before; it converts at its borders.',
      default: true,
      showWhen: computes,
    }),
    floatOps: names({
      label: 'Operator types in float32',
      help: 'Kept in float32 besides those that have to be.',
      of: 'operator types',
      advanced: true,
      showWhen: computes,
    }),
    excludeNodes: names({
      label: 'Operators in float32',
      help: 'Single operators to leave in float32.',
      of: 'operators',
      advanced: true,
      showWhen: computes,
    }),
    measured: toggle({
      label: 'Keep what suffers in float32',
      help: 'Simulates float16 on samples and leaves as many operators in float32 as the answers need.',
      default: false,
      showWhen: computes,
    }),
    minSqnrDb: real({
      label: 'Answers at least this exact',
      help: 'Signal-to-noise ratio of every output against float32.',
      default: 40,
      min: 0,
      max: 120,
      unit: 'dB',
      showWhen: measures,
    }),
    calibrationSamples: integer({
      label: 'Samples to measure on',
      help: 'Each trial runs them all; a few show where float16 breaks.',
      default: 8,
      min: 1,
      max: 256,
      advanced: true,
      showWhen: measures,
    }),
  },
  needs: { calibration: false, samplesWhen: [measures], opset: 7 },
  // Without `keepIo` the inputs and outputs become float16.
  keeps: { idempotent: true, interface: false, sqnrDb: 50 },
})

export type Float16Options = OptionsOf<(typeof spec)['options']>
