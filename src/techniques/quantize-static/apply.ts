// Static quantization in QDQ form: plan, measure ranges on real samples (or take them from the recipe), write.
// Read plan.ts for what a plan says and who makes it, qdq-writer.ts for what the graph becomes and shield-float-layers.ts for what keeps
// the engine from quantizing the rest.

import { findRanges, type FoundRanges } from '../../core/calibration/find-ranges'
import { inferShapes } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import { nodeLabel } from '../../core/model/node'
import { untypedValues, type UntypedValue } from '../../core/model/untyped-values'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import { valuesToMeasure } from './activation-params'
import { checkOptions } from './check-options'
import { fitLayers, isFitted, part } from './fit-layers'
import { planStatic, type StaticPlan } from './plan'
import { resolveAliases } from './resolve-aliases'
import { shieldFloatLayers } from './shield-float-layers'
import { spec, type StaticOptions } from './spec'
import { constantFormat } from './tensor-format'
import { OPSET_OF_WIDE_TYPES, typesOf, writeStatic, type StaticTask } from './write-static'

/** Share of the progress that measuring and fitting take. */
const PREPARATION_SHARE = 0.8
/** What measuring takes of that where layers are fitted, too. */
const CALIBRATION_SHARE = 0.3

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const raised = resolveAliases(raiseOpset(model, neededOpset(options)))
  const types = inferShapes(raised)
  checkOptions(raised.graph, types, options)
  const plan = planStatic(raised.graph, types, options)
  if (plan.activations.size === 0 && plan.constants.length === 0) {
    return { model, notes: [...plan.notes, NOTHING_TO_DO] }
  }
  const { ranges, calibration, notes: warnings } = await measure(raised, plan, options, context)
  const fitted = await fit({ model: raised, options, ranges }, context)
  const written = await writeStatic(fitted.task, async (what, fraction) => {
    await context.checkpoint()
    context.progress(PREPARATION_SHARE + (1 - PREPARATION_SHARE) * fraction, what)
  })
  context.progress(1, 'done')
  const notes = [
    ...written.plan.notes,
    ...untypedValues(raised, types).map(untypedNote),
    ...warnings,
    ...fitted.notes,
    ...changeNotes(written.plan),
    ...typeNotes(options),
    ...written.notes,
  ]
  const { graph } = written.model
  const shielded = options.placement === 'fused' ? shieldFloatLayers(graph) : graph
  const sessionOptions = hasBlocksOfBytes(plan, options) ? { 'session.disable_quant_qdq': '1' } : undefined
  return {
    model: { ...written.model, graph: shielded },
    notes,
    ...(calibration && { calibration }),
    ...(sessionOptions && { sessionOptions }),
  }
}

async function fit(task: StaticTask, context: PassContext): ReturnType<typeof fitLayers> {
  if (!isFitted(task.options)) return { task, notes: [] }
  const calibration = context.calibration
  return fitLayers(task, {
    ...part(context, CALIBRATION_SHARE * PREPARATION_SHARE, PREPARATION_SHARE),
    ...(calibration && { calibration }),
  })
}

/** ONNX Runtime 1.30 takes 8-bit blocks between quantized values for its integer kernels, which then refuse them while they run. */
const hasBlocksOfBytes = ({ constants }: StaticPlan, options: StaticOptions): boolean =>
  constants.some((constant) => {
    const { dtype, blockSize } = constantFormat(constant, options)
    return blockSize !== undefined && dtype.endsWith('8')
  })

function neededOpset(options: StaticOptions): number {
  const isWide = typesOf(options).some((dtype) => dtype.endsWith('16'))
  return isWide || options.blockSize > 0 ? OPSET_OF_WIDE_TYPES : spec.needs.opset
}

const NO_DATA = {
  technique: spec.id,
  message:
    'Static quantization measures ranges on real data and none were given. Give samples, or quantize weights only or dynamically.',
} as const

function measure(model: Model, plan: StaticPlan, options: StaticOptions, context: PassContext): Promise<FoundRanges> {
  const levels = options.activationType.endsWith('16') ? 2 ** 16 : 2 ** 8
  const share = PREPARATION_SHARE * (isFitted(options) ? CALIBRATION_SHARE : 1)
  return findRanges(
    model,
    valuesToMeasure(plan, options),
    { ...options, levels },
    {
      ...context,
      checkpoint: () => context.checkpoint(),
      progress: (fraction, what) => context.progress(fraction * share, what),
    },
    NO_DATA,
  )
}

function changeNotes({ quantized, absorbed }: StaticPlan): Note[] {
  const computes = [...quantized].map((node): Note => {
    const subject = nodeLabel(node)
    return { kind: 'changed', subject, text: `${node.opType} "${subject}" computes with quantized values.` }
  })
  const merged = [...absorbed].map((node): Note => {
    const subject = nodeLabel(node)
    const text = `${node.opType} "${subject}" is gone: the integers before it saturate at its bounds.`
    return { kind: 'changed', subject, text }
  })
  return [...computes, ...merged]
}

function typeNotes({ placement, activationType, weightType }: StaticOptions): Note[] {
  const odd = [activationType, weightType].filter((dtype) => !dtype.endsWith('8'))
  if (placement === 'reference' || odd.length === 0) return []
  const text = `CPUs compute ${odd.join(' and ')} in float, so this is no faster there than the original.`
  return [{ kind: 'warning', text }]
}

/** What has no known type is taken for no float tensor. */
const untypedNote = ({ value, node }: UntypedValue): Note => ({
  kind: 'warning',
  subject: value,
  text: `Its type is not known${node === undefined ? '' : `, as it comes from "${node}"`}, so it stays as it is.`,
})

const NOTHING_TO_DO: Note = {
  kind: 'skipped',
  text: 'No operator with float32 inputs was found to quantize, so the model is unchanged.',
}
