// Divides the channels of a value where it is made: in the weights of the layer before, in the scale of a normalization, in a constant that
// it is multiplied with. Through Relu and its like, and through the addition of a constant, the factors reach what lies before.

import { floatsOf, isFloating } from '../../core/model/float-values'
import { isConvolution, isLinear, linearLayerOf, weightGridOf } from '../../core/model/linear-layer'
import type { GraphEdit } from '../../core/model/map-graphs'
import { intAttribute, nodeLabel, type Node } from '../../core/model/node'
import { placeNumbers } from '../../core/model/place-numbers'
import { placeScaledLayer, ScaledLayer } from '../../core/model/scaled-layer'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import type { ChannelValue } from '../../core/calibration/channel-observers'

/** Edits that divide a value, and the operators that take the factors in. */
export interface FoldedFactors {
  readonly into: readonly string[]
  apply(): void
}

interface Request {
  readonly source: ChannelValue
  /** 1 / s */
  readonly inverse: Float64Array
  readonly opset: number
}

/** Undefined where nothing before takes them in, or where others than `readers` see the value. Changes nothing until `apply`. */
export function foldFactors(graph: GraphEdit, request: Request, readers: ReadonlySet<Node>): FoldedFactors | undefined {
  const { value, spatialAxes } = request.source
  const { index } = graph.draft
  const node = index.producer(value)
  const isSeen = index.isOutput(value) || index.consumers(value).some((reader) => !readers.has(reader))
  if (!node || isSeen || node.outputs[0] !== value) return undefined
  if (isLinear(node)) return intoLayer(graph, node, request)
  if (isNormalization(node, spatialAxes > 0)) return intoConstants(graph, node, [1, 2], request)
  if (node.domain !== '') return undefined
  if (PASSING.has(node.opType)) return foldBefore(graph, node, node.inputs[0] ?? '', request)
  const position = node.inputs.findIndex((name) => graph.constant(name))
  if (position < 0 || node.inputs.length !== 2) return undefined
  const own = intoConstants(graph, node, [position], request)
  if (node.opType === 'Mul') return own
  if (node.opType !== 'Add' && node.opType !== 'Sub') return undefined
  const before = own && foldBefore(graph, node, node.inputs[1 - position] ?? '', request)
  return own && before && joined(before, own)
}

/** Positively homogeneous. */
const PASSING: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Identity'])

const joined = (first: FoldedFactors, second: FoldedFactors): FoldedFactors => ({
  into: [...first.into, ...second.into],
  apply: () => {
    second.apply()
    first.apply()
  },
})

/** The value must have all channels itself, not get them by broadcasting. */
function foldBefore(graph: GraphEdit, reader: Node, value: string, request: Request): FoldedFactors | undefined {
  const type = graph.type(value)
  const { spatialAxes, channels } = request.source
  const shape = type?.kind === 'tensor' ? type.shape : undefined
  const dim = spatialAxes > 0 ? shape?.[1] : shape?.at(-1)
  if (dim !== channels || reader.inputs.filter((name) => name === value).length !== 1) return undefined
  return foldFactors(graph, { ...request, source: { ...request.source, value } }, new Set([reader]))
}

function intoLayer(graph: GraphEdit, node: Node, { source, inverse, opset }: Request): FoldedFactors | undefined {
  if (isConvolution(node) !== source.spatialAxes > 0) return undefined
  const layer = linearLayerOf(node, opset, graph.constant)
  const grid = typeof layer === 'string' ? undefined : weightGridOf(layer)
  if (typeof layer === 'string' || !grid || layer.channels !== source.channels) return undefined
  return {
    into: [nodeLabel(node)],
    apply: () => {
      const scaled = new ScaledLayer(layer, grid)
      scaled.outputFactors.set(inverse)
      placeScaledLayer(graph, scaled)
    },
  }
}

const LAST_AXIS: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'RMSNormalization',
])
const SECOND_AXIS: ReadonlySet<string> = new Set(['InstanceNormalization', 'BatchNormalization'])

function isNormalization(node: Node, hasSpatialAxes: boolean): boolean {
  if (node.domain !== '' && node.domain !== 'com.microsoft') return false
  if (hasSpatialAxes) return SECOND_AXIS.has(node.opType)
  return LAST_AXIS.has(node.opType) && intAttribute(node, 'axis', -1) === -1
}

/** Multiplies the constants at these inputs, those that are there, with 1 / s. Undefined where one is not a number per channel. */
function intoConstants(
  graph: GraphEdit,
  node: Node,
  positions: readonly number[],
  { source, inverse }: Request,
): FoldedFactors | undefined {
  const present = positions.filter((position) => (node.inputs[position] ?? '') !== '')
  const constants = present.map((position) => graph.constant(node.inputs[position] ?? ''))
  if (
    !constants.every((constant) => constant !== undefined && hasOnePerChannel(constant, source, positions.length > 1))
  )
    return undefined
  return {
    into: [nodeLabel(node)],
    apply: () => {
      const inputs = [...node.inputs]
      for (const [i, position] of present.entries()) {
        const constant = constants[i]
        if (constant) inputs[position] = placeScaled(graph, node, constant, source, inverse)
      }
      graph.draft.replaceNode(node, { ...node, inputs })
    },
  }
}

/** One number for all, or one per channel where the channels of the value lie; parameters of a normalization are vectors. */
function hasOnePerChannel(constant: Tensor, { channels, spatialAxes }: ChannelValue, isParameter: boolean): boolean {
  if (!isFloating(constant)) return false
  const count = tensorCount(constant)
  const axis = constant.dims.length - 1 - (isParameter ? 0 : spatialAxes)
  return count === 1 || (count === channels && constant.dims[axis] === channels)
}

function placeScaled(
  graph: GraphEdit,
  node: Node,
  constant: Tensor,
  { channels, spatialAxes }: ChannelValue,
  inverse: Float64Array,
): string {
  const before = floatsOf(constant)
  const products = inverse.map((factor, i) => factor * (before[before.length === 1 ? 0 : i] as number))
  const numbers = constant.dtype === 'float64' ? products : Float32Array.from(products)
  const dims =
    before.length === channels && constant.dims.length > 0
      ? constant.dims
      : [channels, ...Array.from({ length: spatialAxes }, () => 1)]
  return placeNumbers(graph, node, constant, numbers, dims)
}
