// Moves quantization from behind a MaxPool to before it, where it directly follows a Relu: the same integers, since rounding keeps the order
// of values, and ONNX Runtime drops a Relu that nothing but a QuantizeLinear with zero point 0 reads.

import type { GraphDraft } from '../../core/model/graph-draft'
import type { GraphIndex } from '../../core/model/graph-index'
import { isOp, type Node } from '../../core/model/node'

/** `made`: the integers that a QuantizeLinear makes, by the value that it reads. The opset must be 12 or later: MaxPool of uint8. */
export function quantizeBeforePools(draft: GraphDraft, made: ReadonlyMap<string, { readonly values: string }>): void {
  const { index } = draft
  const moved = new Map<Node, Node>()
  for (const [value, { values }] of made) {
    const [quantize, pool] = [index.producer(values), index.producer(value)]
    if (!quantize || !pool || !isOp(quantize, 'QuantizeLinear') || !isOp(pool, 'MaxPool')) continue
    const [source = ''] = pool.inputs
    const isBehindRelu = isOp(index.producer(source) ?? quantize, 'Relu')
    const isPlain = pool.outputs.length === 1 && isReadByOne(value, index) && isReadByOne(source, index)
    if (!isBehindRelu || !isPlain) continue
    const before = draft.freshName(`${source}_quantized`)
    moved.set(quantize, { ...quantize, inputs: [source, ...quantize.inputs.slice(1)], outputs: [before] })
    moved.set(pool, { ...pool, inputs: [before], outputs: [values] })
  }
  if (moved.size > 0) draft.mapNodes((node) => moved.get(node) ?? node)
}

const isReadByOne = (value: string, index: GraphIndex): boolean =>
  index.consumers(value).length === 1 && !index.isOutput(value)
