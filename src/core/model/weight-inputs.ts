// Before IR version 4 every weight had to be listed among the graph's inputs as well. Engines take such weights as constant; a graph index
// must not, because from version 4 on the same form means "a default that the caller may override". This makes the two look alike.

import { IR_OF_BARE_INITIALIZERS } from '../onnx/opset.table'
import type { Model } from './model'

/** The same model without weights among its inputs, where its IR version made it list them. */
export function withoutWeightInputs(model: Model): Model {
  const { graph } = model
  if (model.irVersion >= IR_OF_BARE_INITIALIZERS) return model
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
  if (inputs.length === graph.inputs.length) return model
  return { ...model, irVersion: IR_OF_BARE_INITIALIZERS, graph: { ...graph, inputs } }
}
