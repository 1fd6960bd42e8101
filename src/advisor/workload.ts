// Where a model's arithmetic and bytes are, by the operator classes of the probe: what a format is faster at only matters as far as the
// model does it.

import { inferShapes } from '../core/model/infer-shapes'
import type { TypeScope } from '../core/model/inferred-types'
import type { Graph } from '../core/model/graph'
import { indexGraph } from '../core/model/graph-index'
import type { Model } from '../core/model/model'
import { intAttribute, isOp, nodeName, subgraphs, type Node } from '../core/model/node'
import { elementCount } from '../core/model/shape'
import { tensorSizeBytes, type Tensor, type TensorData } from '../core/model/tensor'
import { takeCensus } from '../core/report/constant-census'
import { nodeCost } from '../core/report/node-cost'
import { PROBE_OPERATORS, type ProbeOperator } from '../probe/probe-table'

/** `other`: grouped convolutions, products of two activations, recurrence, attention. No technique is expected to change their time. */
export const WORKLOAD_CLASSES = [...PROBE_OPERATORS, 'other'] as const
export type WorkloadClass = (typeof WORKLOAD_CLASSES)[number]

export interface Workload {
  /** Multiply-accumulates of one inference. Bodies of If, Loop and Scan count once. */
  readonly macs: Readonly<Record<WorkloadClass, number>>
  /** Every node's count was known. */
  readonly isComplete: boolean
  /** Bytes of the float32 weights of the layers, each weight once. */
  readonly bytes: Readonly<Record<ProbeOperator, number>>
  /** Bytes of the float32 tables that Gather looks up. */
  readonly embeddingBytes: number
  /** Bytes of all constants. */
  readonly totalBytes: number
  /** Matrix products of few rows with a constant weight; a node without a name goes by that of its first output. */
  readonly matvecNodes: readonly string[]
}

/** The model has such layers, also where their sizes are not known. */
export const hasLayers = ({ macs, bytes }: Pick<Workload, 'macs' | 'bytes'>, operator: ProbeOperator): boolean =>
  macs[operator] > 0 || bytes[operator] > 0

/** Products of at most so many rows behave like one with 1 row: between the probe's M = 1 and M = 128. */
const ROWS_OF_A_VECTOR = 8

/** `freeDimensions`: sizes of symbolic dimensions, by name. Throws what `inferShapes` throws. */
export function measureWorkload(model: Model, freeDimensions: Readonly<Record<string, number>>): Workload {
  const types = inferShapes(model, { freeDimensions })
  const tally = new Tally()
  const visit = (graph: Graph, scope: TypeScope, outer: Lookup): void => {
    const { constant } = indexGraph(graph)
    const weightOf: Lookup = (name) => constant(name) ?? outer(name)
    for (const node of graph.nodes) {
      tally.add(node, scope, weightOf)
      for (const { graph: body } of subgraphs(node)) visit(body, types.body(body) ?? NOTHING_KNOWN, weightOf)
    }
  }
  visit(model.graph, types, () => undefined)
  const { macs, isComplete, bytes, embeddingBytes, matvecNodes } = tally
  const totalBytes = [...takeCensus(model).bytesByDtype.values()].reduce((sum, size) => sum + size, 0)
  return { macs, isComplete, bytes, embeddingBytes, totalBytes, matvecNodes }
}

type Lookup = (name: string) => Tensor | undefined
const NOTHING_KNOWN: TypeScope = { type: () => undefined }

class Tally {
  readonly macs: Record<WorkloadClass, number> = { ...zeros(), other: 0 }
  readonly bytes: Record<ProbeOperator, number> = zeros()
  readonly matvecNodes: string[] = []
  isComplete = true
  embeddingBytes = 0
  /** Data, because a `Constant` node gives another tensor around them each time. */
  readonly #seen = new Set<TensorData>()

  add(node: Node, scope: TypeScope, weightOf: Lookup): void {
    if (isOp(node, 'Gather')) {
      this.embeddingBytes += this.#unseenBytes(weightOf(node.inputs[0] ?? ''))
      return
    }
    const { macs } = nodeCost(node, scope)
    if (macs === undefined) this.isComplete = false
    if (macs === 0) return
    const kind = classOf(node, scope, weightOf)
    this.macs[kind] += macs ?? 0
    if (kind === 'other') return
    this.bytes[kind] += this.#unseenBytes(weightOf(node.inputs[1] ?? ''))
    if (kind === 'matvec') this.matvecNodes.push(nodeName(node))
  }

  /** Of a table or a layer's weight, the first time it is met; scalars and other types are none. */
  #unseenBytes(weight: Tensor | undefined): number {
    if (!weight || weight.dtype !== 'float32' || weight.dims.length < 2 || this.#seen.has(weight.data)) return 0
    this.#seen.add(weight.data)
    return tensorSizeBytes(weight)
  }
}

const zeros = (): Record<ProbeOperator, number> => ({ conv3x3: 0, conv1x1: 0, depthwise: 0, matvec: 0, matmul: 0 })

function classOf(node: Node, scope: TypeScope, weightOf: Lookup): WorkloadClass {
  const weight = weightOf(node.inputs[1] ?? '')
  if (!weight) return 'other'
  if (isOp(node, 'Conv')) return convolutionClass(node, weight.dims)
  if (!isOp(node, 'MatMul') && !isOp(node, 'Gemm')) return 'other'
  const type = scope.type(node.outputs[0] ?? '')
  const shape = type?.kind === 'tensor' ? type.shape : undefined
  const columns = shape?.at(-1)
  const count = elementCount(shape)
  if (count === undefined || typeof columns !== 'number') return 'other'
  return count <= ROWS_OF_A_VECTOR * columns ? 'matvec' : 'matmul'
}

/** Weights are [outputs, inputs ÷ groups, kernel…]. */
function convolutionClass(node: Node, [, perGroup = 0, ...kernel]: readonly number[]): WorkloadClass {
  if (intAttribute(node, 'group', 1) > 1) return perGroup === 1 ? 'depthwise' : 'other'
  return kernel.every((size) => size === 1) ? 'conv1x1' : 'conv3x3'
}
