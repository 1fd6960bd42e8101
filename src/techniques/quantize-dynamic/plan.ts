// Decides which nodes of one graph compute in integers. Changes nothing; every operator of a listed type that stays in float has a note.

import { floatAttribute, intAttribute, isOp, nodeLabel, type Node } from '../../core/model/node'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import type { OptionsOf } from '../../core/options/spec'
import type { Note } from '../../core/pass/technique'
import type { spec } from './spec'

export type DynamicOptions = OptionsOf<(typeof spec)['options']>

export interface PlannedNode {
  readonly kind: 'MatMul' | 'Gemm' | 'Conv' | 'Gather'
  readonly node: Node
  readonly weight: Tensor
}

export interface DynamicPlan {
  readonly nodes: readonly PlannedNode[]
  readonly notes: readonly Note[]
}

/** Smaller tables save nothing worth a lookup through integers. */
const MIN_TABLE_NUMBERS = 1024

export function planDynamic(
  nodes: readonly Node[],
  constant: (value: string) => Tensor | undefined,
  options: DynamicOptions,
): DynamicPlan {
  const planned: PlannedNode[] = []
  const notes: Note[] = []
  for (const node of nodes) {
    const decision = decide(node, constant, options)
    if (typeof decision === 'string') {
      const subject = nodeLabel(node)
      notes.push({ kind: 'skipped', subject, text: `${node.opType} "${subject}" stays in float: ${decision}` })
    } else if (decision) planned.push(decision)
  }
  return { nodes: planned, notes }
}

type Constants = (value: string) => Tensor | undefined
/** A node to quantize, the reason why a node of a listed type stays in float, or undefined for all others. */
type Decision = PlannedNode | string | undefined

function decide(node: Node, constant: Constants, options: DynamicOptions): Decision {
  if (isOp(node, 'MatMul')) return decideMatMul(node, constant)
  if (isOp(node, 'Gemm')) return decideGemm(node, constant)
  if (isOp(node, 'Conv') && options.convolutions) return decideConv(node, constant, options)
  if (isOp(node, 'Gather') && options.embeddings) return decideGather(node, constant)
  if (RECURRENT.has(node.opType) && isOp(node, node.opType)) return 'recurrent operators have no plain integer form.'
  return undefined
}

const RECURRENT: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN'])
const NO_WEIGHT = 'both its inputs are computed while the model runs, so there is no weight to store.'

function decideMatMul(node: Node, constant: Constants): Decision {
  const weight = constant(node.inputs[1] ?? '')
  if (!weight) return constant(node.inputs[0] ?? '') ? 'its weight is the left factor.' : NO_WEIGHT
  if (weight.dtype !== 'float32') return `its weight is ${weight.dtype}, float32 was expected.`
  if (weight.dims.length < 2) return 'its weight is a vector.'
  return { kind: 'MatMul', node, weight }
}

function decideGemm(node: Node, constant: Constants): Decision {
  const weight = constant(node.inputs[1] ?? '')
  if (!weight) return NO_WEIGHT
  if (weight.dtype !== 'float32') return `its weight is ${weight.dtype}, float32 was expected.`
  if (intAttribute(node, 'transA', 0) !== 0) return 'its left factor is transposed.'
  if (!Number.isFinite(floatAttribute(node, 'alpha', 1))) return 'its alpha is not finite.'
  return { kind: 'Gemm', node, weight }
}

function decideConv(node: Node, constant: Constants, { depthwise }: DynamicOptions): Decision {
  const weight = constant(node.inputs[1] ?? '')
  if (!weight) return 'its weight is computed while the model runs.'
  if (weight.dtype !== 'float32') return `its weight is ${weight.dtype}, float32 was expected.`
  if (!depthwise && intAttribute(node, 'group', 1) > 1 && weight.dims[1] === 1) {
    return 'depthwise convolutions are slower in integers (an option takes them too).'
  }
  return { kind: 'Conv', node, weight }
}

function decideGather(node: Node, constant: Constants): Decision {
  const weight = constant(node.inputs[0] ?? '')
  if (!weight || weight.dtype !== 'float32' || tensorCount(weight) < MIN_TABLE_NUMBERS) return undefined
  return { kind: 'Gather', node, weight }
}
