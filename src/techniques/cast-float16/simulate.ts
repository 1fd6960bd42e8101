// A float32 model that rounds as a float16 one does: weights and results of the chosen operators go through float16 and back. It is what
// can be measured anywhere, for the CPU has hardly any float16 operators and computes through float32. What it does not show is the error
// of sums that a GPU adds up in float16. Bodies of If, Loop and Scan are not simulated.

import { dtypeCode } from '../../core/model/dtype'
import { GraphDraft } from '../../core/model/graph-draft'
import type { TypeScope } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import { attributes, type Node } from '../../core/model/node'
import { float16Tensor } from './convert-weights'
import { isFloat32 } from './node-rule'

/** `isRounded` chooses operators of the main graph. Graph outputs keep their names. */
export function simulateFloat16(model: Model, types: TypeScope, isRounded: (node: Node) => boolean): Model {
  const draft = new GraphDraft(model.graph)
  const { index } = draft
  const cast = (from: string, to: string, dtype: 'float16' | 'float32'): void =>
    void draft.addNode({
      opType: 'Cast',
      inputs: [from],
      outputs: [to],
      attributes: attributes({ to: dtypeCode(dtype) }),
    })
  const restored = new Map<string, string>()
  /** The value after a visit to float16; weights are stored there. */
  const rounded = (value: string): string => {
    const known = restored.get(value)
    if (known !== undefined) return known
    const name = draft.freshName(`${value}_rounded`)
    const half = draft.freshName(`${value}_fp16`)
    const weight = index.constant(value)
    if (weight?.dtype === 'float32') draft.setInitializer(float16Tensor(weight, half).tensor)
    else cast(value, half, 'float16')
    cast(half, name, 'float32')
    restored.set(value, name)
    return name
  }
  const isFloat = (value: string): boolean => isFloat32(types, value)
  const edited = new Map<Node, Node>()
  for (const node of model.graph.nodes) {
    if (!isRounded(node)) continue
    const inputs = node.inputs.map((value) => (isFloat(value) ? rounded(value) : value))
    const outputs = node.outputs.map((value) => (isFloat(value) ? draft.freshName(`${value}_exact`) : value))
    outputs.forEach((exact, position) => {
      const value = node.outputs[position] ?? ''
      if (exact === value) return
      const half = draft.freshName(`${value}_fp16`)
      cast(exact, half, 'float16')
      cast(half, value, 'float32')
    })
    edited.set(node, { ...node, inputs, outputs })
  }
  draft.mapNodes((node) => edited.get(node) ?? node)
  return { ...model, graph: draft.finish() }
}
