// Decides which nodes compute in integers and which values get a quantized form. Changes nothing and needs no ranges.
//
// Conv, Gemm and MatMul lead: their inputs and outputs are marked. Other operators follow where all their inputs are marked and some
// reader computes in integers, too; what no engine fuses into an integer kernel stays in float (roles.ts). Start at `planStatic`.

import type { Graph } from '../../core/model/graph'
import { indexGraph, type GraphIndex } from '../../core/model/graph-index'
import type { TypeScope } from '../../core/model/infer-shapes'
import { nodeLabel, subgraphs, type Node } from '../../core/model/node'
import { sortTopologically } from '../../core/model/topological-sort'
import type { Note } from '../../core/pass/technique'
import { boundedByRange } from './removable'
import { decideLayer, FLOAT_ONLY, followerRole, isFloat32, type Layer } from './roles'
import type { StaticOptions } from './spec'

/** Where a quantized value has its scale and zero point from. */
export type ParamSource =
  /** The range that was measured for it. */
  | { readonly kind: 'own' }
  /** The value of that name, because integers pass through unchanged. */
  | { readonly kind: 'shared'; readonly with: string }
  /** A range known without measuring. */
  | { readonly kind: 'fixed'; readonly range: readonly [min: number, max: number] }

export interface StaticPlan {
  /** Conv, Gemm and MatMul nodes that compute in integers, with their weights. */
  readonly layers: ReadonlyMap<Node, Layer>
  /** Every other node that computes in integers. */
  readonly followers: ReadonlySet<Node>
  /** Relu and Clip nodes that go away: the quantized range of their output does their work. */
  readonly absorbed: ReadonlySet<Node>
  /** Values that get a quantized form. */
  readonly activations: ReadonlyMap<string, ParamSource>
  readonly notes: readonly Note[]
}

/** What planning has found so far. */
interface Marks {
  readonly index: GraphIndex
  readonly layers: Map<Node, Layer>
  readonly followers: Set<Node>
  readonly absorbed: Set<Node>
  readonly activations: Map<string, ParamSource>
}

const OWN: ParamSource = { kind: 'own' }

export function planStatic(graph: Graph, types: TypeScope, options: StaticOptions): StaticPlan {
  const index = indexGraph(graph)
  const nodes = sortTopologically(graph.nodes, graph)
  const marks: Marks = {
    index,
    layers: new Map(),
    followers: new Set(),
    absorbed: new Set(),
    activations: new Map(),
  }
  const notes = [...markLayers(nodes, marks, types, options), ...notesOnOthers(nodes)]
  for (const node of nodes) follow(node, marks, types)
  for (const node of nodes.toReversed()) release(node, marks)
  const { layers, followers, absorbed, activations } = marks
  return { layers, followers, absorbed, activations, notes }
}

/** Whether the node computes in integers or is absorbed by one that does. */
export const isQuantized = (plan: Pick<StaticPlan, 'layers' | 'followers' | 'absorbed'>, node: Node): boolean =>
  plan.layers.has(node) || plan.followers.has(node) || plan.absorbed.has(node)

function markLayers(nodes: readonly Node[], marks: Marks, types: TypeScope, options: StaticOptions): Note[] {
  return nodes.flatMap((node): Note[] => {
    const decision = decideLayer(node, marks.index, types, options)
    if (decision === undefined) return []
    if (typeof decision === 'string') {
      const subject = nodeLabel(node)
      return [{ kind: 'skipped', subject, text: `${node.opType} "${subject}" stays in float: ${decision}` }]
    }
    marks.layers.set(node, decision)
    for (const value of [...decision.activations, node.outputs[0] ?? '']) marks.activations.set(value, OWN)
    return []
  })
}

function notesOnOthers(nodes: readonly Node[]): Note[] {
  return nodes.flatMap((node): Note[] => {
    const subject = nodeLabel(node)
    const inside = subgraphs(node).reduce((sum, { graph }) => sum + graph.nodes.length, 0)
    if (inside > 0) {
      const text = `${inside} operators inside ${node.opType} "${subject}" stay in float: their ranges cannot be measured.`
      return [{ kind: 'skipped', subject, text }]
    }
    const reason = node.domain === '' && FLOAT_ONLY.has(node.opType)
    return reason
      ? [{ kind: 'skipped', subject, text: `${node.opType} "${subject}" stays in float: it has no integer kernel.` }]
      : []
  })
}

/** Lets a node compute in integers, too, where its inputs have a quantized form. */
function follow(node: Node, marks: Marks, types: TypeScope): void {
  const { index, activations, followers } = marks
  const role = followerRole(node, index)
  const [output = ''] = node.outputs
  if (role === undefined || !canFollow(node, marks, types)) return
  switch (role) {
    case 'bound':
      return absorb(node, marks)
    case 'pass':
      for (const name of node.outputs) activations.set(name, { kind: 'shared', with: node.inputs[0] ?? '' })
      break
    case 'compute':
      if (!activations.has(output)) activations.set(output, OWN)
      break
    case 'probabilities':
      // Eight bits are enough between two matrix products, not for an answer.
      if (!activations.has(output)) return
      activations.set(output, { kind: 'fixed', range: [0, 1] })
      break
    default:
      role satisfies never
  }
  followers.add(node)
}

/** All float inputs must have a quantized form or be weights, one of them must not be a weight, and every output must be float32. */
function canFollow(node: Node, { index, activations }: Marks, types: TypeScope): boolean {
  const isFloat = (name: string): boolean => isFloat32(types, name)
  const floats = node.inputs.filter((name) => name !== '' && isFloat(name) && !isParameter(node, name))
  const computed = floats.filter((name) => index.constant(name) === undefined)
  if (computed.length === 0 || !computed.every((name) => activations.has(name))) return false
  return node.outputs.length > 0 && node.outputs.every((name) => name !== '' && isFloat(name))
}

/** Inputs that steer an operator and are no data: bounds of Clip, scales and region of Resize. */
const isParameter = (node: Node, name: string): boolean =>
  (node.opType === 'Clip' || node.opType === 'Resize') && node.inputs.indexOf(name) > 0

/** Relu or Clip: the node before it writes the bounded value at once, as integers saturate at the ends of its range. */
function absorb(node: Node, marks: Marks): void {
  const { index, activations, absorbed } = marks
  const [input = ''] = node.inputs
  const [output = ''] = node.outputs
  const producer = index.producer(input)
  const isOnlyReader = index.consumers(input).length === 1 && !index.isOutput(input)
  if (!producer || !isQuantized(marks, producer) || !isOnlyReader) return
  if (activations.get(input)?.kind !== 'own' || !boundedByRange(node, index)) return
  activations.delete(input)
  activations.set(output, OWN)
  absorbed.add(node)
}

/**
 * Walking back from the outputs: a value keeps its quantized form only where a node reads it as integers. Otherwise a follower computes
 * in float and a Gemm or MatMul gives its float sums; a Conv has no such kernel and keeps its quantized output.
 */
function release(node: Node, marks: Marks): void {
  const { index, activations, layers, followers, absorbed } = marks
  const [output = ''] = node.outputs
  const isRead = node.outputs.some((name) => index.consumers(name).some((reader) => isQuantized(marks, reader)))
  if (isRead || !isQuantized(marks, node)) return
  if (layers.has(node)) {
    if (node.opType !== 'Conv') activations.delete(output)
  } else if (followers.delete(node)) {
    for (const name of node.outputs) activations.delete(name)
  } else if (absorbedInto(node, index)?.opType !== 'Conv') {
    absorbed.delete(node)
    activations.delete(output)
    activations.set(node.inputs[0] ?? '', OWN)
  }
}

const absorbedInto = (node: Node, index: GraphIndex): Node | undefined => index.producer(node.inputs[0] ?? '')
