// Options and promises of cross-layer equalization.

import { choice, defineSpec, integer, toggle, type OptionsOf } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'equalize-layers',
  label: 'Equalize layers',
  summary:
    'Makes the channels of neighbouring layers alike in size, with the same answers: one scale for all of them then loses less.',
  version: 1,
  options: {
    limits: choice({
      label: 'Clip between two layers',
      help: 'keep: such layers stay as they are. per-channel: the bound gets one number per channel, exact, but computed in float.',
      choices: ['keep', 'per-channel'],
      default: 'keep',
    }),
    absorbBias: toggle({
      label: 'Absorb high biases',
      help: 'Moves the part of a bias that nearly all values stay above into the next layer. Measured on samples; not exact.',
      default: false,
    }),
    calibrationSamples: integer({
      label: 'Samples',
      help: 'Biases are judged on this many samples, spread evenly over the data at hand.',
      default: 128,
      min: 1,
      max: 4096,
      showWhen: { absorbBias: true },
    }),
  },
  needs: { calibration: false, samplesWhen: [{ absorbBias: true }], opset: 1 },
  keeps: { idempotent: false, interface: true, sqnrDb: 80 },
})

export type EqualizeOptions = OptionsOf<(typeof spec)['options']>
