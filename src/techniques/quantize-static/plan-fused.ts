// The policy that quantizes what ONNX Runtime computes in integers and nothing else.
//
// Conv, Gemm and MatMul lead: their inputs and outputs are marked. Other operators follow where all their inputs are marked and some
// reader computes in integers, too; what no engine fuses into an integer kernel stays in float (roles.ts). Start at `planFused`.

import type { Graph } from '../../core/model/graph'
import type { TypeScope } from '../../core/model/infer-shapes'
import { isOp, type Node } from '../../core/model/node'
import { sortTopologically } from '../../core/model/topological-sort'
import { nodeFilter } from './node-filter'
import type { StaticPlan } from './plan'
import { PlanDraft } from './plan-draft'
import { mayBeAbsorbed } from './removable'
import { decideLayer, FLOAT_ONLY, followerRole, type Layer } from './roles'
import type { StaticOptions } from './spec'

interface Marks {
  readonly draft: PlanDraft
  readonly options: StaticOptions
  readonly layers: Map<Node, Layer>
  readonly followers: Set<Node>
}

export function planFused(graph: Graph, types: TypeScope, options: StaticOptions): StaticPlan {
  const draft = new PlanDraft(graph, types, options)
  const marks: Marks = { draft, options, layers: new Map(), followers: new Set() }
  const nodes = sortTopologically(graph.nodes, graph)
  const isWanted = nodeFilter(options, undefined)
  const chosen = nodes.filter(isWanted)
  for (const node of chosen) markLayer(node, marks, types)
  for (const node of nodes) {
    if (node.domain === '' && FLOAT_ONLY.has(node.opType)) draft.skip(node, 'stays in float: it has no integer kernel.')
  }
  draft.noteBodies(nodes)
  for (const node of chosen) follow(node, marks)
  for (const node of nodes.toReversed()) release(node, marks)
  for (const node of nodes) addConstants(node, marks)
  return draft.finish(draft.quantized)
}

function markLayer(node: Node, { draft, layers, options }: Marks, types: TypeScope): void {
  const decision = decideLayer(node, draft.index, types, options)
  if (decision === undefined) return
  if (typeof decision === 'string') return draft.skip(node, `stays in float: ${decision}`)
  layers.set(node, decision)
  for (const value of [...decision.activations, node.outputs[0] ?? '']) draft.activations.set(value, { kind: 'own' })
}

/** Whether the node computes in integers or is absorbed by one that does. */
const computes = ({ layers, followers, draft }: Marks, node: Node): boolean =>
  layers.has(node) || followers.has(node) || draft.absorbed.has(node)

/** Lets a node compute in integers, too, where its inputs have a quantized form. */
function follow(node: Node, marks: Marks): void {
  const { activations, index, ranges } = marks.draft
  const role = followerRole(node, index)
  const [output = ''] = node.outputs
  if (role === undefined || !canFollow(node, marks.draft)) return
  switch (role) {
    case 'bound':
      return absorb(node, marks)
    case 'pass':
      for (const name of node.outputs)
        activations.set(name, { kind: 'shared', with: node.inputs[0] ?? '', reader: node })
      break
    case 'compute':
      if (!activations.has(output)) activations.set(output, { kind: 'own' })
      break
    case 'probabilities':
      // Eight bits are enough between two matrix products, not for an answer.
      if (!activations.has(output)) return
      activations.set(output, { kind: 'own' })
      ranges.set(output, [0, 1])
      break
    default:
      role satisfies never
  }
  marks.followers.add(node)
}

/** All float inputs must have a quantized form or be weights, one of them must not be a weight, and every output must be float32. */
function canFollow(node: Node, draft: PlanDraft): boolean {
  const floats = node.inputs.filter((name) => name !== '' && draft.isFloat(name) && !isParameter(node, name))
  const computed = floats.filter((name) => draft.index.constant(name) === undefined)
  if (computed.length === 0 || !computed.every((name) => draft.activations.has(name))) return false
  return node.outputs.length > 0 && node.outputs.every((name) => name !== '' && draft.isFloat(name))
}

/** Inputs that steer an operator and are no data: bounds of Clip, scales and region of Resize. */
const isParameter = (node: Node, name: string): boolean =>
  (node.opType === 'Clip' || node.opType === 'Resize') && node.inputs.indexOf(name) > 0

/** Relu or Clip: the node before it writes the bounded value at once, as integers saturate at the ends of its range. */
function absorb(node: Node, marks: Marks): void {
  const { activations, absorbed, index } = marks.draft
  const [input = ''] = node.inputs
  const producer = index.producer(input)
  if (!producer || !computes(marks, producer) || activations.get(input)?.kind !== 'own') return
  if (!mayBeAbsorbed(node, index, marks.options)) return
  activations.delete(input)
  activations.set(node.outputs[0] ?? '', { kind: 'own' })
  absorbed.add(node)
}

/**
 * Walking back from the outputs: a value keeps its quantized form only where a node reads it as integers. Otherwise a follower computes
 * in float and a Gemm or MatMul gives its float sums; a Conv has no such kernel and keeps its quantized output.
 */
function release(node: Node, marks: Marks): void {
  const { layers, followers, draft } = marks
  const { activations, absorbed, index } = draft
  const [output = ''] = node.outputs
  const isRead = node.outputs.some((name) => index.consumers(name).some((reader) => computes(marks, reader)))
  if (isRead || !computes(marks, node)) return
  if (layers.has(node)) {
    if (node.opType !== 'Conv') activations.delete(output)
  } else if (followers.delete(node)) {
    for (const name of node.outputs) activations.delete(name)
  } else if (index.producer(node.inputs[0] ?? '')?.opType !== 'Conv') {
    absorbed.delete(node)
    activations.delete(output)
    activations.set(node.inputs[0] ?? '', { kind: 'own' })
  }
}

function addConstants(node: Node, { draft, layers, followers }: Marks): void {
  const layer = layers.get(node)
  if (layer) addLayer(node, layer, draft)
  if (followers.has(node) && COMPUTES_WITH_CONSTANTS.has(node.opType)) {
    node.inputs.forEach((_, input) => {
      const tensor = draft.constantAt(node, input)
      if (tensor) draft.addConstant(tensor, { node, input }, { role: 'operand', axis: undefined })
    })
  }
  if (layer || followers.has(node)) draft.quantized.add(node)
}

const COMPUTES_WITH_CONSTANTS: ReadonlySet<string> = new Set(['Add', 'Mul', 'Concat'])

function addLayer(node: Node, { weight, bias, left }: Layer, draft: PlanDraft): void {
  const hasOwnBias = (node.inputs[2] ?? '') !== '' && !bias
  const { alpha, beta } = draft.foldFactors(node, { alpha: isOp(node, 'Gemm'), beta: !hasOwnBias })
  if (left) draft.addConstant(left, { node, input: 0 }, { role: 'operand', axis: undefined })
  if (!weight) return
  const { tensor, input, axis } = weight
  const planned = draft.addConstant(tensor, { node, input }, { role: 'weight', axis }, alpha)
  const parts = { activation: node.inputs[0] ?? '', weight: planned, factor: beta }
  if (bias) draft.addBias(bias, { node, input: 2 }, parts)
}
