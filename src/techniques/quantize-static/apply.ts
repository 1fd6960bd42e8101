// Static 8-bit quantization in QDQ form: plan, measure ranges on real samples (or take them from the recipe), write.
// Read plan.ts for which operators compute in integers, qdq-writer.ts for what the graph becomes and shield-float-layers.ts for what keeps the
// engine from quantizing the rest.

import { LabError } from '../../core/errors/lab-error'
import { inferShapes } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import { nodeLabel } from '../../core/model/node'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import { activationParams, valuesToMeasure } from './activation-params'
import { calibrate, type MeasuredRanges } from './calibrate'
import { planStatic, type StaticPlan } from './plan'
import { QdqWriter } from './qdq-writer'
import { shieldFloatLayers } from './shield-float-layers'
import { spec, type StaticOptions } from './spec'

/** Share of the progress that measuring takes. */
const CALIBRATION_SHARE = 0.8

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const raised = raiseOpset(model, spec.needs.opset)
  const types = inferShapes(raised)
  const plan = planStatic(raised.graph, types, options)
  if (plan.layers.size === 0) return { model, notes: [...plan.notes, NOTHING_TO_DO] }
  const measured = context.ranges ? undefined : await measure(raised, plan, options, context)
  const ranges = context.ranges ?? measured?.ranges ?? {}
  const params = activationParams(plan, ranges, options.activationType)
  const writer = new QdqWriter(raised.graph, plan, params, types, options)
  let done = 0
  const graph = await writer.write(async (what) => {
    await context.checkpoint()
    context.progress(CALIBRATION_SHARE + ((1 - CALIBRATION_SHARE) * done++) / plan.layers.size, what)
  })
  context.progress(1, 'done')
  const notes = [...plan.notes, ...changeNotes(plan), ...writer.notes]
  return { model: { ...raised, graph: shieldFloatLayers(graph) }, notes, ...(measured && { calibration: measured }) }
}

async function measure(
  model: Model,
  plan: StaticPlan,
  { calibrationSamples }: StaticOptions,
  context: PassContext,
): Promise<MeasuredRanges> {
  if (!context.calibration) {
    const message =
      'Static quantization measures ranges on real data and none were given. Give samples, or quantize weights only or dynamically.'
    throw new LabError('recipe/needs-calibration', message, { technique: spec.id })
  }
  return calibrate(model, valuesToMeasure(plan), context.calibration, calibrationSamples, {
    infer: context.infer,
    checkpoint: () => context.checkpoint(),
    progress: (fraction, what) => context.progress(fraction * CALIBRATION_SHARE, what),
  })
}

function changeNotes({ layers, followers, absorbed }: StaticPlan): Note[] {
  const computes = [...layers.keys(), ...followers].map((node): Note => {
    const subject = nodeLabel(node)
    return { kind: 'changed', subject, text: `${node.opType} "${subject}" computes with 8-bit integers.` }
  })
  const merged = [...absorbed].map((node): Note => {
    const subject = nodeLabel(node)
    const text = `${node.opType} "${subject}" is gone: the integers before it saturate at its bounds.`
    return { kind: 'changed', subject, text }
  })
  return [...computes, ...merged]
}

const NOTHING_TO_DO: Note = {
  kind: 'skipped',
  text: 'No Conv, Gemm or MatMul with float32 inputs was found to quantize, so the model is unchanged.',
}
