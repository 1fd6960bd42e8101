// Options and promises of folding batch normalization into the weights beside it.

import { defineSpec, toggle } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'fold-batch-norm',
  label: 'Fold batch normalization',
  summary: 'Multiplies batch normalization into the weights beside it: fewer operators, the same answers.',
  version: 2,
  options: {
    includeScaleAndShift: toggle({
      label: 'Also fold scale and shift',
      help: 'Folds Mul, Div, Add and Sub by a constant per channel as well, not only batch normalization.',
      default: true,
      advanced: true,
    }),
  },
  needs: { calibration: false, opset: 1 },
  keeps: { idempotent: true, interface: true, sqnrDb: 100 },
})
