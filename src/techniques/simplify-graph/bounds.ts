// Neighbours that cut a value off at bounds: `Relu` and `Clip` in any order are one `Clip`.

import type { GraphEdit } from '../../core/model/map-graphs'
import { isOp, nodeLabel, type Node } from '../../core/model/node'
import { makeTensor, type Tensor } from '../../core/model/tensor'
import { absorbable, fused, type Fusion } from './edit'
import { numberIn } from './small-constant'

/** `low` ≤ `high`; infinite where there is none. */
interface Bounds {
  readonly low: number
  readonly high: number
}

/** min(max(x, a), b) followed by the same with c and d cuts at a and b, themselves cut at c and d: both are monotone. */
export const boundsOfBounds: Fusion = (node, graph, opset) => {
  const before = absorbable(graph, node.inputs[0] ?? '', 'Relu', 'Clip')
  const second = before && boundsOf(node, graph, opset)
  const first = second && boundsOf(before, graph, opset)
  const type = graph.type(before?.inputs[0] ?? '')
  if (!first || !second || type?.kind !== 'tensor' || (type.dtype !== 'float32' && type.dtype !== 'float64')) {
    return undefined
  }
  const within = (value: number): number => Math.min(Math.max(value, second.low), second.high)
  const bounds = { low: within(first.low), high: within(first.high) }
  // At bounds that are one, a zero would keep the sign that it loses between two far apart.
  if (bounds.low === bounds.high) return undefined
  const label = `${before.opType} + ${node.opType}`
  const [x = ''] = before.inputs
  if (bounds.low === 0 && bounds.high === Infinity) {
    return fused(label, before, node, { ...node, opType: 'Relu', inputs: [x], attributes: new Map() })
  }
  const weights: Tensor[] = []
  const inputs = (['low', 'high'] as const).map((side, at) => {
    const value = bounds[side]
    if (!Number.isFinite(value)) return ''
    const own = [node, before].find(
      (one) => isOp(one, 'Clip') && numberIn(graph.constant(one.inputs[at + 1] ?? '')) === value,
    )
    if (own) return own.inputs[at + 1] ?? ''
    const array = type.dtype === 'float64' ? Float64Array.of(value) : Float32Array.of(value)
    const weight = makeTensor(graph.freshName(`${nodeLabel(node)}_${side}`), type.dtype, [], array)
    weights.push(weight)
    return weight.name
  })
  const read = inputs.at(-1) === '' ? inputs.slice(0, -1) : inputs
  return fused(label, before, node, { ...node, opType: 'Clip', inputs: [x, ...read], attributes: new Map() }, weights)
}

/** Undefined for another operator and where the bounds are not known or the wrong way round. */
function boundsOf(node: Node, graph: GraphEdit, opset: number): Bounds | undefined {
  if (isOp(node, 'Relu')) return { low: 0, high: Infinity }
  // Before opset 11 the bounds were attributes.
  if (!isOp(node, 'Clip') || opset < 11) return undefined
  const bound = (at: number, fallback: number): number | undefined => {
    const name = node.inputs[at] ?? ''
    return name === '' ? fallback : numberIn(graph.constant(name))
  }
  const [low, high] = [bound(1, -Infinity), bound(2, Infinity)]
  return low !== undefined && high !== undefined && low <= high ? { low, high } : undefined
}
