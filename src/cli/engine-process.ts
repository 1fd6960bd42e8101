// A process for one engine of a race over several (`engine-contender.ts`): opens the model when it is told to, and times slots.

import { LabError } from '../core/errors/lab-error'
import { CHECK_INPUTS, RACE_INPUTS } from '../measure/input-counts'
import { answer, tell } from './ask-process'
import type { EngineCall, EngineMethods } from './engine-contender'
import { withFittedDimensions } from './laboratory'
import { openNodeLaboratory, type NodeLaboratory } from './node-laboratory'
import { openModels } from './open-model'

let opened: NodeLaboratory | undefined
const laboratory = (): NodeLaboratory => {
  if (opened) return opened
  throw new LabError('internal', 'The engine has not been started.')
}
const SILENT = { show: () => undefined, note: () => undefined, end: () => undefined }

const methods: EngineMethods = {
  start: async ({ file, ...order }) => {
    const models = await openModels([file], order.repository)
    opened = await openNodeLaboratory(withFittedDimensions({ ...order, models, progress: SILENT }))
    return (await opened.start()).environment
  },
  check: () => laboratory().engineCheck(0, CHECK_INPUTS),
  open: () => laboratory().openContender(0, RACE_INPUTS),
  warmUp: (rule) =>
    laboratory().warmUpContender(rule, (fraction) => void tell({ kind: 'progress', fraction, what: '' })),
  timeSlot: (slot) => laboratory().timeSlot(slot),
}

function perform({ method, input }: EngineCall): Promise<unknown> {
  switch (method) {
    case 'start':
      return methods.start(input)
    case 'warmUp':
      return methods.warmUp(input)
    case 'timeSlot':
      return methods.timeSlot(input)
    default:
      return methods[method](input)
  }
}

process.on('message', (call: EngineCall) => void answer(perform(call)))
// Nobody is left to ask.
process.on('disconnect', () => process.exit())
