// Finds the operators that depend on constants only and are safe to compute ahead of time.

import { dtypeBytes, type KnownDType } from '../../core/model/dtype'
import type { GraphEdit } from '../../core/model/map-graphs'
import { subgraphs, type Node } from '../../core/model/node'
import { isRandom } from '../../core/model/random-ops'
import { elementCount } from '../../core/model/shape'
import { tensorSizeBytes, type Tensor } from '../../core/model/tensor'

/** Stored as they are already, and `DequantizeLinear`: a tensor that compression made small, which folding would blow up again. */
const NEVER = new Set(['Constant', 'Identity', 'DequantizeLinear'])

/** Element types that an engine takes in and gives out. */
const RUNNABLE: ReadonlySet<string> = new Set<KnownDType>([
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
])

export interface ConstantNode {
  readonly node: Node
  /** Names of the stored constants that the results are made of, through other constant nodes. */
  readonly sources: ReadonlySet<string>
}

export interface ConstantPart {
  /** In an order in which they can run. */
  readonly nodes: readonly ConstantNode[]
  /** Constants that the nodes read, by the name they read them under. */
  readonly constants: ReadonlyMap<string, Tensor>
}

/** `isExcluded` has the last word on each, knowing the size of the results where it can be foreseen. */
export function findConstantPart(
  graph: GraphEdit,
  isExcluded: (node: Node, sourceBytes: number, resultBytes: number | undefined) => boolean,
): ConstantPart {
  const nodes: ConstantNode[] = []
  const constants = new Map<string, Tensor>()
  const computed = new Map<string, ReadonlySet<string>>()
  for (const node of graph.draft.nodes) {
    if (!isFoldable(node, graph)) continue
    const inputs = node.inputs.filter((name) => name !== '')
    const stored = inputs.flatMap((name) => (computed.has(name) ? [] : (storedConstant(name, graph) ?? [])))
    const ready = stored.length + inputs.filter((name) => computed.has(name)).length
    if (inputs.length === 0 || ready < inputs.length) continue
    for (const tensor of stored) constants.set(tensor.name, tensor)
    const sources = new Set([
      ...stored.map(({ name }) => name),
      ...inputs.flatMap((name) => [...(computed.get(name) ?? [])]),
    ])
    if (isExcluded(node, bytesOfAll(sources, constants), predictedBytes(node, graph))) continue
    nodes.push({ node, sources })
    for (const output of node.outputs) if (output) computed.set(output, sources)
  }
  return { nodes, constants }
}

const bytesOfAll = (names: ReadonlySet<string>, constants: ReadonlyMap<string, Tensor>): number =>
  [...names].reduce((sum, name) => {
    const tensor = constants.get(name)
    return tensor ? sum + tensorSizeBytes(tensor) : sum
  }, 0)

function isFoldable(node: Node, graph: GraphEdit): boolean {
  if (node.domain !== '' || NEVER.has(node.opType) || isRandom(node) || subgraphs(node).length > 0) return false
  return node.outputs.every((output) => {
    const type = output === '' ? undefined : graph.type(output)
    return !type || (type.kind === 'tensor' && RUNNABLE.has(type.dtype))
  })
}

/** Named as it is read, also where an `Identity` stands between. */
function storedConstant(name: string, graph: GraphEdit): Tensor | undefined {
  const tensor = graph.constant(name)
  return tensor?.data.kind === 'bytes' && RUNNABLE.has(tensor.dtype) ? { ...tensor, name } : undefined
}

function predictedBytes(node: Node, graph: GraphEdit): number | undefined {
  let bytes = 0
  for (const output of node.outputs) {
    if (output === '') continue
    const type = graph.type(output)
    const count = type?.kind === 'tensor' ? elementCount(type.shape) : undefined
    if (type?.kind !== 'tensor' || count === undefined) return undefined
    bytes += dtypeBytes(type.dtype, count) ?? 0
  }
  return bytes
}
