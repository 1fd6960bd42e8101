// Options and promises of converting a float32 model to float16.

import { defineSpec, toggle } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'cast-float16',
  label: 'Half precision',
  summary: 'Stores and computes in 16-bit floats: half the size, and fast on GPUs with 16-bit arithmetic.',
  version: 1,
  options: {
    keepIo: toggle({
      label: 'Keep inputs and outputs in float32',
      help: 'The model is called as before; it converts at its borders.',
      default: true,
    }),
  },
  needs: { calibration: false, opset: 7 },
  // Without `keepIo` the inputs and outputs become float16.
  keeps: { idempotent: true, interface: false, sqnrDb: 50 },
})
