// Multiply-accumulates of one inference, from shapes. Only operators whose work is products of matrices count (convolution, matrix
// product, recurrence, attention); everything else is 0 by convention, as in the papers that state such figures.

import { einsumSizes, parseEinsum } from '../model/infer/matmul.table'
import type { Graph } from '../model/graph'
import type { InferredTypes, TypeScope } from '../model/inferred-types'
import { intAttribute, stringAttribute, subgraphs, type Node } from '../model/node'
import { elementCount, type Shape } from '../model/shape'

export interface NodeCost {
  /** Multiply-accumulates; undefined where a size that it takes is not a number. */
  readonly macs: number | undefined
}

/** Cost of the node alone, without the bodies it may hold; `graphMacs` counts those. */
export function nodeCost(node: Node, types: TypeScope): NodeCost {
  const rule = RULES.get(node.domain === 'ai.onnx' ? '' : node.domain)?.get(node.opType)
  return { macs: rule ? rule(new Shapes(node, types)) : 0 }
}

/** Sum over a graph. Of `If` the dearer branch counts; a body that repeats counts only where the number of rounds is known. */
export function graphMacs(graph: Graph, types: InferredTypes, scope: TypeScope = types): number | undefined {
  let sum = 0
  for (const node of graph.nodes) {
    const own = nodeCost(node, scope).macs
    const inner = bodyMacs(node, types, scope)
    if (own === undefined || inner === undefined) return undefined
    sum += own + inner
  }
  return sum
}

function bodyMacs(node: Node, types: InferredTypes, scope: TypeScope): number | undefined {
  const bodies = subgraphs(node).map(({ graph }) => graphMacs(graph, types, types.body(graph) ?? NOTHING_KNOWN))
  if (bodies.length === 0) return 0
  let dearest = 0
  for (const macs of bodies) {
    if (macs === undefined) return undefined
    dearest = Math.max(dearest, macs)
  }
  if (node.opType === 'If' || dearest === 0) return dearest
  const rounds = node.opType === 'Scan' ? scanRounds(node, scope) : undefined
  return rounds === undefined ? undefined : rounds * dearest
}

const NOTHING_KNOWN: TypeScope = { type: () => undefined }

function scanRounds(node: Node, scope: TypeScope): number | undefined {
  const scanned = intAttribute(node, 'num_scan_inputs', 0)
  const type = scope.type(node.inputs[node.inputs.length - scanned] ?? '')
  const axes = node.attributes.get('scan_input_axes')
  const axis = axes?.kind === 'ints' ? Number(axes.value[0] ?? 0) : 0
  const size = type?.kind === 'tensor' ? type.shape?.at(axis) : undefined
  return typeof size === 'number' ? size : undefined
}

/** Shapes of a node's inputs and outputs. */
class Shapes {
  constructor(
    readonly node: Node,
    readonly types: TypeScope,
  ) {}

  input(position: number): Shape | undefined {
    return this.#of(this.node.inputs[position])
  }

  output(position = 0): Shape | undefined {
    return this.#of(this.node.outputs[position])
  }

  #of(name: string | undefined): Shape | undefined {
    const type = name ? this.types.type(name) : undefined
    return type?.kind === 'tensor' ? type.shape : undefined
  }
}

type CostRule = (shapes: Shapes) => number | undefined

/** Undefined as soon as one factor is not a number. */
function times(...factors: readonly unknown[]): number | undefined {
  let product = 1
  for (const factor of factors) {
    if (typeof factor !== 'number') return undefined
    product *= factor
  }
  return product
}

const last = (shape: Shape | undefined, back = 1): unknown => shape?.at(-back)

/** Each output element takes one kernel of one group's channels. Weights are [outputs, inputs ÷ groups, kernel…]. */
const convolution =
  (weight: number): CostRule =>
  (shapes) =>
    times(elementCount(shapes.output()), elementCount(shapes.input(weight)?.slice(1)))

/** Each input element goes into one kernel. Weights are [inputs, outputs ÷ groups, kernel…]. */
const transposedConvolution: CostRule = (shapes) =>
  times(elementCount(shapes.input(0)), elementCount(shapes.input(1)?.slice(1)))

/** Each output element is a product over the left operand's last axis, or another one when it is transposed. */
const product: CostRule = (shapes) => {
  const left = shapes.input(0)
  const isTransposed = intAttribute(shapes.node, 'transA', 0) === 1 && (left?.length ?? 0) > 1
  return times(elementCount(shapes.output()), last(left, isTransposed ? 2 : 1))
}

/** Weights are [directions, gates · hidden, inputs] and [directions, gates · hidden, hidden], used once a time step and sample. */
const recurrent: CostRule = (shapes) => {
  const [x, w, r] = [shapes.input(0), shapes.input(1), shapes.input(2)]
  const weights = [elementCount(w), elementCount(r)]
  return weights.some((count) => count === undefined)
    ? undefined
    : times(x?.[0], x?.[1], Number(weights[0]) + Number(weights[1]))
}

const einsum: CostRule = (shapes) => {
  const terms = parseEinsum(stringAttribute(shapes.node, 'equation', ''))
  if (terms.inputs.length < 2) return 0
  const found = einsumSizes(
    terms,
    terms.inputs.map((_, input) => shapes.input(input)),
  )
  return found && times(elementCount(found.ellipsis), ...found.sizes.values())
}

const sum = (...parts: readonly (number | undefined)[]): number | undefined =>
  parts.reduce((total, part) => (total === undefined || part === undefined ? undefined : total + part), 0)

/** Scores (queries · keys) and mixing (scores · values): length · length · width each. */
const attended = (batch: unknown, queries: unknown, keys: unknown, keyWidth: unknown, valueWidth: unknown) =>
  sum(times(batch, queries, keys, keyWidth), times(batch, queries, keys, valueWidth))

/** com.microsoft `Attention`: projects the input to queries, keys and values first. */
const packedAttention: CostRule = (shapes) => {
  const [batch, length, width] = shapes.input(0) ?? []
  const packed = last(shapes.input(1))
  const past = shapes.output(1)?.[3] ?? length
  const each = typeof packed === 'number' ? packed / 3 : undefined
  return sum(times(batch, length, width, packed), attended(batch, length, past, each, last(shapes.output())))
}

/** com.microsoft `MultiHeadAttention` with separate queries, keys and values [batch, length, width]. */
const multiHeadAttention: CostRule = (shapes) => {
  const [query, key] = [shapes.input(0), shapes.input(1)]
  if (query?.length !== 3 || key?.length !== 3) return undefined
  return attended(query[0], query[1], key[1], query[2], last(shapes.output()))
}

/** ONNX `Attention`: 4-D operands [batch, heads, length, size] or 3-D ones [batch, length, heads · size]. */
const attention: CostRule = (shapes) => {
  const [query, value] = [shapes.input(0), shapes.input(2)]
  const keys = shapes.output(1)?.[2] ?? shapes.input(1)?.at(-2)
  const heads = query?.length === 4 ? query[1] : 1
  const output = shapes.output()
  if (!query || !value) return undefined
  return attended(times(query[0], heads), query.at(-2), keys, last(query), last(output))
}

/** The packed weights' logical size stands in `K` and `N`. */
const packedWeight: CostRule = (shapes) =>
  times(elementCount(shapes.output()), intAttribute(shapes.node, 'K', undefined))

const ONNX_RULES: ReadonlyMap<string, CostRule> = new Map([
  ['Attention', attention],
  ['Conv', convolution(1)],
  ['ConvInteger', convolution(1)],
  ['ConvTranspose', transposedConvolution],
  ['DeformConv', convolution(1)],
  ['Einsum', einsum],
  ['GRU', recurrent],
  ['Gemm', product],
  ['LSTM', recurrent],
  ['MatMul', product],
  ['MatMulInteger', product],
  ['QLinearConv', convolution(3)],
  ['QLinearMatMul', product],
  ['RNN', recurrent],
])

const MICROSOFT_RULES: ReadonlyMap<string, CostRule> = new Map([
  ['Attention', packedAttention],
  ['DynamicQuantizeLSTM', recurrent],
  ['DynamicQuantizeMatMul', product],
  ['FusedConv', convolution(1)],
  ['FusedGemm', product],
  ['FusedMatMul', product],
  ['GroupQueryAttention', () => undefined],
  ['MatMulBnb4', packedWeight],
  ['MatMulIntegerToFloat', product],
  ['MatMulNBits', packedWeight],
  ['MultiHeadAttention', multiHeadAttention],
  ['NhwcConv', convolution(1)],
  ['QAttention', packedAttention],
  ['QGemm', product],
  ['QLinearConv', convolution(3)],
])

const RULES: ReadonlyMap<string, ReadonlyMap<string, CostRule>> = new Map([
  ['', ONNX_RULES],
  ['com.microsoft', MICROSOFT_RULES],
])
