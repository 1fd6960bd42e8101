// Common subexpressions: operators of one graph that compute the same thing from the same inputs become one.

import { dtypeFacts } from '../../core/model/dtype'
import type { GraphDraft } from '../../core/model/graph-draft'
import type { Attribute, Node } from '../../core/model/node'
import { isRandom } from '../../core/model/random-ops'
import type { Tensor } from '../../core/model/tensor'
import { sortTopologically } from '../../core/model/topological-sort'
import { withoutChains } from './edit'

/** Engines find quantized layers by the pair of these at every operand: each reader keeps its own. */
const KEPT_APART: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear'])
/** Larger tensors in attributes are not compared; as weights they are. */
const MAX_ATTRIBUTE_BYTES = 256

/** Returns the nodes that went. Of two that make outputs of the graph both stay: two outputs need two names. */
export function mergeNodes(draft: GraphDraft, graphName: string): readonly Node[] {
  const renames = new Map<string, string>()
  const byKey = new Map<string, Node>()
  const gone = new Set<Node>()
  const isOutput = (node: Node): boolean => node.outputs.some((name) => draft.index.isOutput(name))
  for (const node of sortTopologically(draft.nodes, { name: graphName })) {
    const key = keyOf(node, (name) => last(renames, name))
    const same = key === undefined ? undefined : byKey.get(key)
    if (key === undefined || (same && isOutput(same) && isOutput(node))) continue
    const [kept, dropped] = same && !isOutput(node) ? [same, node] : [node, same]
    byKey.set(key, kept)
    if (!dropped) continue
    gone.add(dropped)
    dropped.outputs.forEach((name, at) => name && renames.set(name, kept.outputs[at] ?? ''))
  }
  if (gone.size === 0) return []
  draft.mapNodes((node) => (gone.has(node) ? undefined : node))
  draft.redirectAll(withoutChains(renames))
  return [...gone]
}

function last(renames: ReadonlyMap<string, string>, name: string): string {
  let end = name
  for (let next = renames.get(end); next !== undefined; next = renames.get(end)) end = next
  return end
}

/** Equal for nodes that do the same; undefined for nodes of which that cannot be said. */
function keyOf(node: Node, resolve: (name: string) => string): string | undefined {
  if (node.domain !== '' || isRandom(node) || KEPT_APART.has(node.opType)) return undefined
  const given = [...node.attributes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => [name, attributeKey(one)])
  if (given.some(([, key]) => key === undefined)) return undefined
  const outputs = node.outputs.map((name) => name !== '')
  return JSON.stringify([node.opType, node.inputs.map(resolve), given, outputs])
}

function attributeKey(attribute: Attribute): string | undefined {
  switch (attribute.kind) {
    case 'int':
    case 'ints':
      return `${attribute.kind} ${String(attribute.value)}`
    case 'float':
      return `float ${floatKey(attribute.value)}`
    case 'floats':
      return `floats ${attribute.value.map(floatKey).join()}`
    case 'string':
      return `string ${String(attribute.value)}`
    case 'strings':
      return `strings ${attribute.value.map(String).join(';')}`
    case 'tensor':
      return tensorKey(attribute.value)
    default:
      return undefined
  }
}

const floatKey = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

function tensorKey({ dtype, dims, data }: Tensor): string | undefined {
  if (data.kind !== 'bytes' || data.bytes.byteLength > MAX_ATTRIBUTE_BYTES || !dtypeFacts(dtype)) return undefined
  return `tensor ${dtype} ${dims.join()} ${String(data.bytes)}`
}
