// Options and promises of SmoothQuant.

import { defineSpec, integer, real, toggle, type OptionsOf } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'smooth-activations',
  label: 'Smooth activations',
  summary:
    'Moves the size of outlier channels from activations into weights (SmoothQuant), with the same answers: for transformers, before int8.',
  version: 1,
  options: {
    alpha: real({
      label: 'Share that moves',
      help: '0 leaves the activations as they are, 1 makes all their channels alike. Where it is searched, only a fallback.',
      default: 0.5,
      min: 0,
      max: 1,
      sweep: [0.3, 0.5, 0.7],
    }),
    searchAlpha: toggle({
      label: 'Search the share',
      help: 'Of 0.3 to 0.7, each layer takes the share that leaves the least error in its output after rounding to 8 bits.',
      default: false,
    }),
    convolutions: toggle({
      label: 'Convolutions too',
      help: 'Off: MatMul and Gemm only, where outlier channels are usual.',
      default: false,
    }),
    onlyFolded: toggle({
      label: 'Only where it costs nothing',
      help: 'Off: where no operator before can take the factors in, a division is added, which is computed in float.',
      default: false,
    }),
    calibrationSamples: integer({
      label: 'Samples',
      help: 'The size of channels is measured on this many samples, spread evenly over the data at hand.',
      default: 128,
      min: 1,
      max: 4096,
      advanced: true,
    }),
  },
  needs: { calibration: true, samplesWhen: [{}], opset: 1 },
  keeps: { idempotent: false, interface: true, sqnrDb: 80 },
})

export type SmoothOptions = OptionsOf<(typeof spec)['options']>
