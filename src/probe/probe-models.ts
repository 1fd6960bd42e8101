// The small models of the operator probe: one operator each, with inputs and outputs in the type that its neighbours in a network would
// have, so that only the operator is timed. Weights are random: their values change no speed. Shapes are those of common networks.

import type { KnownDType } from '../core/model/dtype'
import type { Model } from '../core/model/model'
import { attributes, type Attribute, type Node } from '../core/model/node'
import { makeTensor, type Tensor } from '../core/model/tensor'
import { encodeFloat16 } from '../core/numeric/float16'
import { seededRng, type Rng } from '../core/numeric/rng'
import { irForOpset } from '../core/onnx/opset.table'
import type { NamedValues, NumericArray } from '../core/pass/tensor-value'
import { PROBE_FORMATS, PROBE_OPERATORS, type ProbeFormat, type ProbeOperator } from './probe-table'

export interface ProbeModel {
  readonly operator: ProbeOperator
  readonly format: ProbeFormat
  readonly model: Model
  readonly feeds: NamedValues
}

interface Layer {
  readonly opType: 'Conv' | 'MatMul'
  readonly x: readonly number[]
  readonly w: readonly number[]
  readonly y: readonly number[]
  /** Axis of the weight with one scale per index. */
  readonly axis: number
  /** Products that are added up for one number of the output. */
  readonly depth: number
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>
}

const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }
const dense = (rows: number, depth: number): Layer => ({
  opType: 'MatMul',
  x: [rows, depth],
  w: [depth, depth],
  y: [rows, depth],
  axis: 1,
  depth,
})

const LAYERS: Readonly<Record<ProbeOperator, Layer>> = {
  conv3x3: {
    opType: 'Conv',
    x: [1, 64, 28, 28],
    w: [64, 64, 3, 3],
    y: [1, 64, 28, 28],
    axis: 0,
    depth: 64 * 9,
    attributes: padded,
  },
  conv1x1: {
    opType: 'Conv',
    x: [1, 256, 28, 28],
    w: [256, 256, 1, 1],
    y: [1, 256, 28, 28],
    axis: 0,
    depth: 256,
    attributes: { kernel_shape: [1, 1] },
  },
  depthwise: {
    opType: 'Conv',
    x: [1, 128, 56, 56],
    w: [128, 1, 3, 3],
    y: [1, 128, 56, 56],
    axis: 0,
    depth: 9,
    attributes: { ...padded, group: 128 },
  },
  matvec: dense(1, 1024),
  matmul: dense(128, 768),
}

/** Multiply-accumulates of one inference of an operator's model. */
export const probeMacs = (operator: ProbeOperator): number => count(LAYERS[operator].y) * LAYERS[operator].depth

/** Every operator in every format that it has: 4-bit weights are for MatMul only. */
export function probeModels(seed: number): readonly ProbeModel[] {
  return PROBE_OPERATORS.flatMap((operator) =>
    PROBE_FORMATS.flatMap((format) => {
      const layer = LAYERS[operator]
      if (format === 'int4' && layer.opType !== 'MatMul') return []
      return [{ operator, format, ...BUILDERS[format](layer, seededRng(seed)) }]
    }),
  )
}

type Built = Pick<ProbeModel, 'model' | 'feeds'>

const BUILDERS: Readonly<Record<ProbeFormat, (layer: Layer, rng: Rng) => Built>> = {
  float32: (layer, rng) => inFloat(layer, 'float32', (count) => normals(count, rng)),
  float16: (layer, rng) => inFloat(layer, 'float16', (count) => encodeFloat16(normals(count, rng))),
  u8s8: (layer, rng) => inIntegers(layer, 'uint8', rng),
  s8s8: (layer, rng) => inIntegers(layer, 'int8', rng),
  int4: inBlocks,
}

function inFloat(layer: Layer, dtype: 'float32' | 'float16', values: (count: number) => NumericArray): Built {
  return build(layer, dtype, values(count(layer.x)), {
    weights: [makeTensor('w', dtype, layer.w, values(count(layer.w)))],
    nodes: [layerNode(layer, 'x', 'w', 'y')],
  })
}

/** DequantizeLinear → operator → QuantizeLinear, as engines fuse it. Scales keep the sums of random products inside the type. */
function inIntegers(layer: Layer, dtype: 'uint8' | 'int8', rng: Rng): Built {
  const bytes = (length: number): Int8Array => Int8Array.from({ length }, () => rng.below(255) - 127)
  const ofType = (values: Int8Array): Int8Array | Uint8Array =>
    dtype === 'int8' ? values : Uint8Array.from(values, (v) => v + 128)
  const channels = layer.w[layer.axis] ?? 1
  const zero = ofType(Int8Array.of(0))
  const scalar = (name: string, value: number): Tensor => makeTensor(name, 'float32', [], Float32Array.of(value))
  const axis = attributes({ axis: layer.axis })
  return build(layer, dtype, ofType(bytes(count(layer.x))), {
    weights: [
      makeTensor('wq', 'int8', layer.w, bytes(count(layer.w))),
      makeTensor('ws', 'float32', [channels], new Float32Array(channels).fill(1 / 74)),
      makeTensor('wz', 'int8', [channels], new Int8Array(channels)),
      scalar('xs', 1 / 74),
      scalar('ys', Math.sqrt(layer.depth) / 32),
      makeTensor('zero', dtype, [], zero),
    ],
    nodes: [
      node('DequantizeLinear', ['x', 'xs', 'zero'], ['xf']),
      node('DequantizeLinear', ['wq', 'ws', 'wz'], ['wf'], axis),
      layerNode(layer, 'xf', 'wf', 'yf'),
      node('QuantizeLinear', ['yf', 'ys', 'zero'], ['y']),
    ],
  })
}

const BLOCK = 32

function inBlocks(layer: Layer, rng: Rng): Built {
  const [depth = 0, columns = 0] = layer.w
  const blocks = depth / BLOCK
  const packed = Uint8Array.from({ length: (depth * columns) / 2 }, () => rng.below(256))
  const settings = { K: depth, N: columns, bits: 4, block_size: BLOCK }
  return build(layer, 'float32', normals(count(layer.x), rng), {
    weights: [
      makeTensor('b', 'uint8', [columns, blocks, BLOCK / 2], packed),
      makeTensor('scales', 'float32', [columns, blocks], new Float32Array(columns * blocks).fill(1 / 4.6)),
    ],
    nodes: [{ ...node('MatMulNBits', ['x', 'b', 'scales'], ['y'], attributes(settings)), domain: 'com.microsoft' }],
  })
}

const OPSET = 17

function build(
  { x, y }: Layer,
  dtype: KnownDType,
  data: NumericArray,
  { weights, nodes }: { readonly weights: readonly Tensor[]; readonly nodes: readonly Node[] },
): Built {
  const info = (name: string, shape: readonly number[]) => ({ name, type: { kind: 'tensor', dtype, shape } as const })
  return {
    feeds: { x: { dtype, dims: x, data } },
    model: {
      irVersion: irForOpset(OPSET),
      opsets: new Map([
        ['', OPSET],
        ['com.microsoft', 1],
      ]),
      producerName: 'lathe',
      producerVersion: '',
      metadata: new Map(),
      functions: [],
      graph: {
        name: 'probe',
        inputs: [info('x', x)],
        outputs: [info('y', y)],
        initializers: new Map(weights.map((tensor) => [tensor.name, tensor])),
        valueInfos: new Map(),
        nodes,
      },
    },
  }
}

const layerNode = (layer: Layer, x: string, w: string, y: string): Node =>
  node(layer.opType, [x, w], [y], attributes(layer.attributes ?? {}))

const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: ReadonlyMap<string, Attribute> = new Map(),
): Node => ({ name: `${opType}_${outputs[0] ?? ''}`, opType, domain: '', inputs, outputs, attributes })

const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1)
const normals = (length: number, rng: Rng): Float32Array => Float32Array.from({ length }, () => rng.normal())
