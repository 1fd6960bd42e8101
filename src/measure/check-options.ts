// What the engine check needs to know of the file: the number format that it computes in and the steps of its quantized outputs.

import type { Model } from '../core/model/model'
import { isOp } from '../core/model/node'
import { tensorBytes, tensorCount, viewAs } from '../core/model/tensor'
import { takeCensus } from '../core/report/constant-census'
import type { EngineCheckOptions, Precision } from './engine-check'

/** Operators that round activations. Weights alone behind DequantizeLinear are computed with in float. */
const ROUNDS_ACTIVATIONS = /^(QuantizeLinear|DynamicQuantize|QLinear|QGemm|QAttention|MatMulInteger|ConvInteger)/

export function engineCheckOptions(model: Model): EngineCheckOptions {
  const { nodes, bytesByDtype } = takeCensus(model)
  const roundings = nodes.filter(({ opType }) => ROUNDS_ACTIVATIONS.test(opType)).length
  const precision: Precision = roundings > 0 ? 'int8' : bytesByDtype.has('float16') ? 'float16' : 'float32'
  return { precision, roundings, outputSteps: outputSteps(model) }
}

function outputSteps({ graph }: Model): Readonly<Record<string, number>> {
  const steps: Record<string, number> = {}
  for (const { name } of graph.outputs) {
    const producer = graph.nodes.find(({ outputs }) => outputs.includes(name))
    const scale = producer && isOp(producer, 'DequantizeLinear') && graph.initializers.get(producer.inputs[1] ?? '')
    if (!scale || scale.dtype !== 'float32' || tensorCount(scale) !== 1) continue
    const [step] = viewAs(tensorBytes(scale), Float32Array)
    if (step !== undefined) steps[name] = step
  }
  return steps
}
