// Keeps convolutions and Gemms that are meant to compute in float from being quantized by the engine. ONNX Runtime, from its basic
// level on, turns the float weight of DequantizeLinear → Conv/ConvTranspose/Gemm → (Relu, Clip →) QuantizeLinear into int8 itself,
// with a single scale for the whole tensor, which is ruinous for depthwise weights. It knows the pattern by the DequantizeLinear, so the
// same arithmetic is spelled out in Cast, Sub and Mul.

import { dtypeCode } from '../../core/model/dtype'
import type { Graph } from '../../core/model/graph'
import { GraphDraft } from '../../core/model/graph-draft'
import type { GraphIndex } from '../../core/model/graph-index'
import { attributes, isOp, type Node } from '../../core/model/node'
import { makeTensor, tensorBytes, tensorCount, viewAs } from '../../core/model/tensor'

const ENGINE_QUANTIZES: readonly string[] = ['Conv', 'ConvTranspose', 'Gemm']

/**
 * The graph with every such operator that has no integer weight reading its integers through Cast, Sub and Mul: the same numbers, bit for
 * bit, at every optimization level of the engine.
 */
export function shieldFloatLayers(graph: Graph): Graph {
  const draft = new GraphDraft(graph)
  const index = draft.index
  /** Input of a float layer → the DequantizeLinear that makes it. */
  const sources = new Map<Node, Node>()
  for (const node of graph.nodes) {
    const source = index.producer(node.inputs[0] ?? '')
    if (source && isFloatLayer(node, index) && isPlainDequantization(source, index)) sources.set(node, source)
  }
  if (sources.size === 0) return graph
  const spelledOut = new Map<Node, string>()
  for (const source of new Set(sources.values())) spelledOut.set(source, spellOut(source, graph, draft, index))
  draft.mapNodes((node) => {
    const source = sources.get(node)
    const value = source && spelledOut.get(source)
    return value === undefined ? node : { ...node, inputs: [value, ...node.inputs.slice(1)] }
  })
  const left = draft.index
  draft.mapNodes((node) => (spelledOut.has(node) && !isRead(node, left) ? undefined : node))
  return draft.finish()
}

/** A weight that is stored as integers makes an integer layer; one that is computed does not, even where it has passed through integers. */
function isFloatLayer(node: Node, index: GraphIndex): boolean {
  if (!ENGINE_QUANTIZES.some((opType) => isOp(node, opType))) return false
  const weight = index.producer(node.inputs[1] ?? '')
  return !(weight && isOp(weight, 'DequantizeLinear') && index.constant(weight.inputs[0] ?? ''))
}

/** With one constant scale: the only kind that the engine takes for the input of a layer. */
function isPlainDequantization(node: Node, index: GraphIndex): boolean {
  const [, scale = '', zeroPoint = ''] = node.inputs
  const tensor = index.constant(scale)
  if (!isOp(node, 'DequantizeLinear') || tensor?.dtype !== 'float32' || tensorCount(tensor) !== 1) return false
  return zeroPoint === '' || zeroPointOf(zeroPoint, index) !== undefined
}

/** The number behind an 8-bit constant. */
function zeroPointOf(name: string, index: GraphIndex): number | undefined {
  const tensor = index.constant(name)
  if (tensor?.dtype === 'uint8') return tensorBytes(tensor)[0]
  return tensor?.dtype === 'int8' ? viewAs(tensorBytes(tensor), Int8Array)[0] : undefined
}

const isRead = ({ outputs }: Node, index: GraphIndex): boolean =>
  outputs.some((name) => index.isOutput(name) || index.consumers(name).length > 0)

/** (q − zero point) · scale in float32. 8-bit integers and their differences are exact in it, so it rounds as DequantizeLinear does. */
function spellOut(source: Node, graph: Graph, draft: GraphDraft, index: GraphIndex): string {
  const [integers = '', scale = '', zeroPoint = ''] = source.inputs
  const type = graph.valueInfos.get(source.outputs[0] ?? '')?.type
  const add = (opType: string, inputs: readonly string[], own: Readonly<Record<string, number>> = {}): string => {
    const name = draft.freshName(`${integers}_${opType}`)
    draft.addNode({ opType, inputs, outputs: [name], attributes: attributes(own) })
    if (type) draft.setType(name, type)
    return name
  }
  let value = add('Cast', [integers], { to: dtypeCode('float32') })
  const zero = zeroPointOf(zeroPoint, index) ?? 0
  if (zero !== 0) {
    const name = draft.freshName(`${zeroPoint}_float`)
    draft.setInitializer(makeTensor(name, 'float32', [], Float32Array.of(zero)))
    value = add('Sub', [value, name])
  }
  return add('Mul', [value, scale])
}
