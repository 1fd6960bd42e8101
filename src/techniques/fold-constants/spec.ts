// Options and promises of computing the constant parts of a graph once, ahead of time.

import { defineSpec, integer, toggle } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'fold-constants',
  label: 'Fold constants',
  summary: 'Computes what does not depend on the input once, ahead of time, and drops operators that do nothing.',
  version: 2,
  options: {
    maxGrowthKb: integer({
      label: 'Growth allowed',
      help: 'A result may be this much larger than the constants it replaces; otherwise it stays an operator.',
      default: 64,
      min: 0,
      max: 65536,
      unit: 'kB',
      advanced: true,
    }),
    foldShapes: toggle({
      label: 'Fold known shapes',
      help: 'Replaces Shape and Size by numbers where the whole shape is known from the file.',
      default: true,
      advanced: true,
    }),
    removeNoOps: toggle({
      label: 'Remove operators that do nothing',
      help: 'Identity, Dropout outside training, Cast to the same type, and whatever no output depends on.',
      default: true,
    }),
  },
  needs: { calibration: false, opset: 1 },
  keeps: { idempotent: true, interface: true, sqnrDb: 250 },
})
