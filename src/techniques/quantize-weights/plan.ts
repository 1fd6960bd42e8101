// Decides which constants of one graph become 8-bit integers, and along which axis they get their scales. Changes nothing.

import { dtypeBytes } from '../../core/model/dtype'
import { capturedValues, type GraphIndex } from '../../core/model/graph-index'
import { intsAttribute, isOp, subgraphs, type Node } from '../../core/model/node'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import { weightSlot } from '../../core/model/weight-slots'
import type { OptionsOf } from '../../core/options/spec'
import type { Note } from '../../core/pass/technique'
import type { spec } from './spec'

export type WeightOptions = OptionsOf<(typeof spec)['options']>

export interface PlannedWeight {
  readonly tensor: Tensor
  /** One scale per index along this axis; undefined: one scale for the tensor. */
  readonly axis: number | undefined
  readonly sizeBytesBefore: number
  /** Integers, scales and zero points. */
  readonly sizeBytesAfter: number
}

export interface WeightPlan {
  readonly weights: readonly PlannedWeight[]
  readonly notes: readonly Note[]
}

/** With fewer numbers than this behind each scale, scales eat up what the integers save. */
const MIN_VALUES_PER_SCALE = 8

/** Only constants of this very graph: the ones of a body are planned with the body. */
export function planWeights(nodes: readonly Node[], index: GraphIndex, options: WeightOptions): WeightPlan {
  const weights = new Map<string, PlannedWeight>()
  const notes: Note[] = []
  const seen = new Set<string>()
  for (const { tensor, axis } of weightUses(nodes, (name) => index.constant(name))) {
    if (seen.has(tensor.name)) continue
    seen.add(tensor.name)
    if (!isCandidate(tensor, options)) continue
    if (index.isOutput(tensor.name)) notes.push(outputNote(tensor.name))
    // Every axis restores the whole weight, so readers that would choose different ones share the axis of the first.
    else weights.set(tensor.name, plannedWeight(tensor, chooseAxis(tensor, axis, options)))
  }
  return { weights: [...weights.values()], notes }
}

export const isCandidate = (tensor: Tensor, { minElements }: Pick<WeightOptions, 'minElements'>): boolean =>
  tensor.dtype === 'float32' && tensorCount(tensor) >= minElements

const outputNote = (name: string): Note => ({
  kind: 'skipped',
  subject: name,
  text: `"${name}" stays in float: it is an output of the graph, whose name and type stay.`,
})

function chooseAxis(
  tensor: Tensor,
  axis: number | undefined,
  { granularity }: Pick<WeightOptions, 'granularity'>,
): number | undefined {
  if (granularity === 'tensor' || axis === undefined) return undefined
  const channels = tensor.dims[axis] ?? 0
  return channels > 0 && tensorCount(tensor) / channels >= MIN_VALUES_PER_SCALE ? axis : undefined
}

function plannedWeight(tensor: Tensor, axis: number | undefined): PlannedWeight {
  const count = tensorCount(tensor)
  const channels = axis === undefined ? 1 : (tensor.dims[axis] ?? 1)
  const scaleBytes = (dtypeBytes('float32', channels) ?? 0) + channels
  return { tensor, axis, sizeBytesBefore: dtypeBytes(tensor.dtype, count) ?? 0, sizeBytesAfter: count + scaleBytes }
}

interface WeightUse {
  readonly tensor: Tensor
  readonly axis: number | undefined
}

/** Every read of a constant as a weight, in graph order, also from inside bodies and through `Identity` and `Transpose`. */
function* weightUses(
  nodes: readonly Node[],
  constant: (name: string) => Tensor | undefined,
): Generator<WeightUse, void, undefined> {
  const aliases = new Map<string, Alias>()
  const resolve = (name: string): Alias | undefined => {
    const tensor = constant(name)
    return tensor ? { tensor, axes: tensor.dims.map((_, axis) => axis) } : aliases.get(name)
  }
  for (const node of nodes) {
    for (const [input, name] of node.inputs.entries()) {
      const alias = name === '' ? undefined : resolve(name)
      const slot = alias && weightSlot(node, input, alias.axes.length)
      if (alias && slot)
        yield { tensor: alias.tensor, axis: slot.axis === undefined ? undefined : alias.axes[slot.axis] }
    }
    const alias = aliasOf(node, resolve)
    if (alias) aliases.set(node.outputs[0] ?? '', alias)
    for (const { graph } of subgraphs(node)) {
      const captured = capturedValues(graph)
      yield* weightUses(graph.nodes, (name) => (captured.has(name) ? constant(name) : undefined))
    }
  }
}

/** A value that is a constant with its axes in another order: its axis i is axis `axes[i]` of the constant. */
interface Alias {
  readonly tensor: Tensor
  readonly axes: readonly number[]
}

function aliasOf(node: Node, resolve: (name: string) => Alias | undefined): Alias | undefined {
  const isTranspose = isOp(node, 'Transpose')
  if (!isTranspose && !isOp(node, 'Identity')) return undefined
  const source = resolve(node.inputs[0] ?? '')
  if (!source || !isTranspose) return source
  const order = intsAttribute(node, 'perm') ?? source.axes.map((_, i) => source.axes.length - 1 - i)
  const axes = order.flatMap((from) => source.axes[from] ?? [])
  return axes.length === source.axes.length ? { tensor: source.tensor, axes } : undefined
}
