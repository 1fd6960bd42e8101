// One model quantized by its options and ranges: what layers are fitted on, and in the end the result.

import type { Graph } from '../../core/model/graph'
import { inferShapes } from '../../core/model/infer-shapes'
import { onnxOpset, type Model } from '../../core/model/model'
import type { Node } from '../../core/model/node'
import type { QuantDType } from '../../core/numeric/quant-params'
import type { TensorRanges } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import { activationParams } from './activation-params'
import { planStatic, type StaticPlan } from './plan'
import { QdqWriter } from './qdq-writer'
import type { StaticOptions } from './spec'

/** From here on ONNX itself has 16- and 4-bit types and blocks. */
export const OPSET_OF_WIDE_TYPES = 21
const CONTRIB_DOMAIN = 'com.microsoft'

/** A model and how it is to be quantized. */
export interface StaticTask {
  readonly model: Model
  readonly options: StaticOptions
  readonly ranges: TensorRanges
}

export interface WrittenStatic {
  readonly model: Model
  readonly plan: StaticPlan
  readonly notes: readonly Note[]
  /** What became of a node of the task's model that computes on quantized forms. */
  written(node: Node): Node | undefined
}

/** `checkpoint` is awaited with the name of a constant and the share of the work that is done. Throws as `activationParams`. */
export async function writeStatic(
  { model, options, ranges }: StaticTask,
  checkpoint: (what: string, fraction: number) => Promise<void>,
): Promise<WrittenStatic> {
  const types = inferShapes(model)
  const plan = planStatic(model.graph, types, options)
  const params = activationParams(plan, ranges, options)
  const domain = domainOf(model, options)
  const writer = new QdqWriter(model.graph, plan, { params, types, options, domain })
  let done = 0
  const graph = await writer.write((what) => checkpoint(what, done++ / (2 * plan.constants.length)))
  const opsets = domain === '' ? model.opsets : new Map([[domain, 1], ...model.opsets])
  return {
    model: { ...model, opsets, graph },
    plan,
    notes: writer.notes,
    written: (node) => writtenNode(graph, writer.rewired.get(node)),
  }
}

/** Sorting a graph keeps its nodes; other edits may have replaced one under the same name. */
const writtenNode = ({ nodes }: Graph, rewired: Node | undefined): Node | undefined =>
  rewired &&
  nodes.find((node) => node === rewired || (node.name === rewired.name && node.outputs[0] === rewired.outputs[0]))

/** ONNX Runtime's own operators know 4-bit types at opsets where those of ONNX do not. */
function domainOf(model: Model, options: StaticOptions): string {
  const isNarrow = typesOf(options).some((dtype) => dtype.endsWith('4'))
  return options.contribOps || (isNarrow && onnxOpset(model) < OPSET_OF_WIDE_TYPES) ? CONTRIB_DOMAIN : ''
}

/** Every type of integers that the options speak of. */
export function typesOf({ activationType, weightType, overrides }: StaticOptions): readonly QuantDType[] {
  const single = Object.values(overrides).flatMap((entries) =>
    entries.flatMap(({ quantType, convert }) => [quantType, convert?.quantType]),
  )
  return [activationType, weightType, ...single.filter((dtype) => dtype !== undefined)]
}
