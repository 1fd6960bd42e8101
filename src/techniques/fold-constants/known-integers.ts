// Replaces operators on sizes by numbers where shape inference knows their results: `Shape`, `Size` and the arithmetic behind them. No engine
// is needed for these, and exporters write many.

import type { GraphEdit } from '../../core/model/map-graphs'
import { subgraphs, type Node } from '../../core/model/node'
import { isRandom } from '../../core/model/random-ops'
import type { Dim } from '../../core/model/shape'
import { makeTensor, type Tensor } from '../../core/model/tensor'

/** Shapes, axes and pads; more are data. */
const MAX_ITEMS = 64
const STORED = new Set(['Constant', 'Identity', 'DequantizeLinear'])

/** The values of the node's outputs, when all of them are known integers. */
export function knownIntegers(node: Node, graph: GraphEdit): readonly Tensor[] | undefined {
  if (node.domain !== '' || STORED.has(node.opType) || isRandom(node) || subgraphs(node).length > 0) return undefined
  const outputs = node.outputs.filter((name) => name !== '')
  const values = outputs.flatMap((name) => integersOf(name, graph) ?? [])
  return values.length === outputs.length && values.length > 0 ? values : undefined
}

function integersOf(name: string, graph: GraphEdit): Tensor | undefined {
  const contents = graph.contents?.(name)
  const type = graph.type(name)
  if (!contents || type?.kind !== 'tensor' || contents.items.length > MAX_ITEMS) return undefined
  const { dims, items } = contents
  if (!items.every(isExact)) return undefined
  if (type.dtype === 'int64') return makeTensor(name, 'int64', dims, BigInt64Array.from(items, BigInt))
  return type.dtype === 'int32' ? makeTensor(name, 'int32', dims, Int32Array.from(items)) : undefined
}

/** Inference rounds larger integers: to it they only mean "to the end". */
const isExact = (item: Dim): item is number => typeof item === 'number' && Number.isSafeInteger(item)
