// What is known beforehand to go wrong with a model on an engine: operators that it refuses, or that compute something else there, as the
// run behind docs/engine-formats.md found out. It says nothing of speed, and no more than is certain: whether answers are right is what the
// engine check tells.

import { LabError } from '../core/errors/lab-error'
import { dtypeCode } from '../core/model/dtype'
import type { Graph } from '../core/model/graph'
import { indexGraph, type GraphIndex } from '../core/model/graph-index'
import type { Model } from '../core/model/model'
import { intAttribute, isOp, nodeLabel, subgraphs, type Node } from '../core/model/node'
import type { EngineFacts } from './engine'

export interface KnownFault {
  /** What goes wrong and why. */
  readonly reason: string
  /** The first node that it is about, as messages call it. */
  readonly node: string
}

type Facts = Pick<EngineFacts, 'id' | 'adapter'>
interface Place {
  readonly graph: Graph
  readonly index: GraphIndex
  readonly engine: Facts
}
/** Why the engine does not compute the node as written; undefined where nothing is known against it. */
type Rule = (node: Node, place: Place) => string | undefined

/** One for each reason, in the order of the graph; empty where nothing is known against the model. Bodies of nodes are looked at too. */
export function knownFaults({ graph }: Model, engine: Facts): readonly KnownFault[] {
  const faults = new Map<string, KnownFault>()
  for (const [node, place] of nodesOf(graph, engine)) {
    for (const rule of RULES) {
      const reason = rule(node, place)
      if (reason !== undefined && !faults.has(reason)) faults.set(reason, { reason, node: nodeLabel(node) })
    }
  }
  return [...faults.values()]
}

/** Throws `model/unsupported` with the first reason; details hold `engine` and `node`. */
export function expectNoKnownFault(model: Model, engine: Facts): void {
  const [fault] = knownFaults(model, engine)
  if (!fault) return
  const { reason, node } = fault
  throw new LabError('model/unsupported', `${engine.id} cannot run this file: ${reason} First at "${node}".`, {
    engine: engine.id,
    node,
  })
}

function* nodesOf(graph: Graph, engine: Facts): Generator<readonly [Node, Place]> {
  const place = { graph, index: indexGraph(graph), engine }
  for (const node of graph.nodes) {
    yield [node, place]
    for (const { graph: body } of subgraphs(node)) yield* nodesOf(body, engine)
  }
}

/** A float16 constant behind Cast becomes float32 when the file is opened and never reaches the GPU. All else needs 16-bit shaders. */
const float16: Rule = (node, { graph, index, engine }) => {
  if (engine.adapter?.hasFloat16 !== false) return undefined
  if (isOp(node, 'Cast') && index.constant(node.inputs[0] ?? '')) return undefined
  const isFloat16 = (name: string): boolean => {
    const type = graph.inputs.find((input) => input.name === name)?.type
    return index.constant(name)?.dtype === 'float16' || (type?.kind === 'tensor' && type.dtype === 'float16')
  }
  const makesFloat16 = isOp(node, 'Cast') && intAttribute(node, 'to', 0) === dtypeCode('float16')
  if (!makesFloat16 && !node.inputs.some(isFloat16)) return undefined
  return 'It computes in float16, and this GPU has no 16-bit arithmetic (shader-f16).'
}

/** The values are made on the CPU, and the runtime has no copy of 4-bit ones to a GPU. Those of com.microsoft stay on the CPU altogether. */
const fourBitActivations: Rule = (node, { index, engine }) => {
  if (engine.id !== 'ort-webgpu' || !isOp(node, 'QuantizeLinear')) return undefined
  const zeroPoint = index.constant(node.inputs[2] ?? '')?.dtype
  const code = intAttribute(node, 'output_dtype', 0)
  const isFourBits = (['int4', 'uint4'] as const).some((dtype) => dtype === zeroPoint || dtypeCode(dtype) === code)
  return isFourBits ? 'It has activations of 4 bits, which ONNX Runtime cannot copy to a GPU.' : undefined
}

const INT8_ACCURACY = 4

/** Conditions of the runtime's dp4a programs, version 1.30: others compute in float. */
const roundedActivations: Rule = (node, { engine: { adapter } }) => {
  if (!isOp(node, 'MatMulNBits', 'com.microsoft') || !adapter?.hasSubgroups || adapter.vendor === 'apple')
    return undefined
  const [level, block] = [intAttribute(node, 'accuracy_level', 0), intAttribute(node, 'block_size', 0)]
  const [k, n] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)]
  if (level !== INT8_ACCURACY || block % 32 !== 0 || k % 128 !== 0 || n % 16 !== 0) return undefined
  return 'Its MatMulNBits has accuracy level 4, so this GPU rounds activations to int8, further from the reference than answers may be.'
}

const floatZeroPoints: Rule = (node, { index }) => {
  if (!isOp(node, 'MatMulNBits', 'com.microsoft') || intAttribute(node, 'bits', 4) !== 8) return undefined
  const dtype = index.constant(node.inputs[3] ?? '')?.dtype
  return dtype && dtype !== 'uint8' ? 'Its MatMulNBits has 8 bits and zero points that are no integers.' : undefined
}

const RULES: readonly Rule[] = [float16, fourBitActivations, roundedActivations, floatZeroPoints]
