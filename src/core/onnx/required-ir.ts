// The lowest IR version whose readers understand what a model uses: its data types, and initializers that are not inputs.

import type { DType } from '../model/dtype'
import type { Graph } from '../model/graph'
import { mapTensors } from '../model/map-tensors'
import type { Model } from '../model/model'
import { IR_BY_DTYPE, IR_OF_BARE_INITIALIZERS } from './opset.table'

/** 0 where the model asks for nothing in particular. */
export function requiredIr(model: Model): number {
  let ir = hasBareInitializer(model.graph) ? IR_OF_BARE_INITIALIZERS : 0
  const need = (dtype: DType): void => {
    ir = Math.max(ir, IR_BY_DTYPE.get(dtype) ?? 0)
  }
  mapTensors(model, (tensor) => {
    need(tensor.dtype)
    return tensor
  })
  for (const { type } of [...model.graph.inputs, ...model.graph.outputs]) if (type?.kind === 'tensor') need(type.dtype)
  return ir
}

function hasBareInitializer({ inputs, initializers }: Graph): boolean {
  const names = new Set(inputs.map(({ name }) => name))
  return [...initializers.keys()].some((name) => !names.has(name))
}
