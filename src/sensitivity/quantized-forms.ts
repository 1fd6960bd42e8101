// Where the activations of a model in QDQ form are rounded: its QuantizeLinear → DequantizeLinear pairs, by the name that each value has in
// the float model.

import type { Graph } from '../core/model/graph'
import { indexGraph } from '../core/model/graph-index'
import type { Node } from '../core/model/node'

export interface QuantizedForm {
  /** The value before its QuantizeLinear. */
  readonly before: string
  /** What its readers get. */
  readonly after: string
  readonly quantize: Node
}

/** Suffix of a graph output's producer, whose name its DequantizeLinear has taken (as in the reference toolkit). */
const BEFORE_OUTPUT = '_QuantizeLinear_Input'

export function quantizedForms(changed: Graph): ReadonlyMap<string, QuantizedForm> {
  const index = indexGraph(changed)
  const forms = new Map<string, QuantizedForm>()
  for (const node of changed.nodes) {
    const quantize = node.opType === 'DequantizeLinear' ? index.producer(node.inputs[0] ?? '') : undefined
    const [before = ''] = quantize?.inputs ?? []
    // A pair behind a pair changes the type of what is rounded already.
    const isSecond = index.producer(before)?.opType === 'DequantizeLinear'
    if (quantize?.opType !== 'QuantizeLinear' || isSecond) continue
    const name = before.endsWith(BEFORE_OUTPUT) ? before.slice(0, -BEFORE_OUTPUT.length) : before
    if (!forms.has(name)) forms.set(name, { before, after: node.outputs[0] ?? '', quantize })
  }
  return forms
}
