// Start-up self-tests of an engine: tiny quantized models with known answers (quantization.md C39, C40 and section 3). They catch a backend that
// gives wrong numbers without an error, as ONNX Runtime's older WebGPU backend did. A failed test is reported, not thrown.

import type { Model } from '../core/model/model'
import { attributes, type Node } from '../core/model/node'
import type { ValueInfo } from '../core/model/shape'
import { makeTensor, type Tensor } from '../core/model/tensor'
import type { KnownDType } from '../core/model/dtype'
import { encodeParts } from '../core/onnx/encode-parts'
import type { NamedValues, NumericArray } from '../core/pass/tensor-value'
import type { EngineFacts, EngineSession, OpenOptions } from './engine'
import { joinParts } from '../core/numeric/join-parts'

interface SelfTest {
  readonly name: string
  readonly model: Model
  readonly cases: readonly { readonly feeds: NamedValues; readonly expected: readonly number[] }[]
  /** Largest allowed |y − expected|. */
  readonly tolerance: number
}

type Open = (model: Uint8Array, options: OpenOptions) => Promise<EngineSession>

/** Throws what `open` throws for the first test: an engine that opens nothing has not started. */
export async function runSelfTests(open: Open): Promise<EngineFacts['selfTests']> {
  const [first, ...others] = [dequantizeInt8, dequantizeUint8, matMulNBits, saturation] as const
  const results = [await judge(first, await open(encoded(first), OPTIONS))]
  for (const test of others) {
    try {
      results.push(await judge(test, await open(encoded(test), OPTIONS)))
    } catch (error) {
      results.push(refused(test, error))
    }
  }
  return results
}

const OPTIONS: OpenOptions = { optimization: 'all' }
const encoded = ({ model }: SelfTest): Uint8Array => joinParts(encodeParts(model))

async function judge(test: SelfTest, session: EngineSession) {
  try {
    let worst = 0
    for (const { feeds, expected } of test.cases) {
      const { y } = await session.run(feeds)
      const errors = expected.map((value, index) => Math.abs(Number(y?.data[index]) - value))
      worst = Math.max(worst, ...errors.map((error) => (Number.isNaN(error) ? Infinity : error)))
    }
    const detail = `largest error ${worst.toPrecision(3)}, allowed ${test.tolerance}`
    return { name: test.name, ok: worst <= test.tolerance, detail }
  } catch (error) {
    return refused(test, error)
  } finally {
    await session.close()
  }
}

const refused = ({ name }: SelfTest, error: unknown) => ({
  name,
  ok: false,
  detail: error instanceof Error ? error.message : String(error),
})

const info = (name: string, dtype: KnownDType, shape: readonly number[]): ValueInfo => ({
  name,
  type: { kind: 'tensor', dtype, shape },
})

function oneNodeModel(
  node: Pick<Node, 'opType' | 'domain' | 'attributes'>,
  x: ValueInfo,
  y: ValueInfo,
  weights: readonly Tensor[],
): Model {
  return {
    irVersion: 8,
    opsets: new Map([
      ['', 13],
      ['com.microsoft', 1],
    ]),
    producerName: 'lathe',
    producerVersion: '',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'self-test',
      inputs: [x],
      outputs: [y],
      initializers: new Map(weights.map((tensor) => [tensor.name, tensor])),
      valueInfos: new Map(),
      nodes: [{ ...node, name: 'node', inputs: ['x', ...weights.map(({ name }) => name)], outputs: ['y'] }],
    },
  }
}

/** x enters as an input, so that nothing folds the node away before the backend sees it. */
function dequantizeTest(
  dtype: 'int8' | 'uint8',
  x: NumericArray,
  zeroPoint: NumericArray,
  expected: readonly number[],
): SelfTest {
  const weights = [
    makeTensor('scale', 'float32', [], new Float32Array([0.05])),
    makeTensor('zero', dtype, [], zeroPoint),
  ]
  const dims = [x.length]
  const node = { opType: 'DequantizeLinear', domain: '', attributes: attributes({}) }
  return {
    name: `DequantizeLinear ${dtype}`,
    model: oneNodeModel(node, info('x', dtype, dims), info('y', 'float32', dims), weights),
    cases: [{ feeds: { x: { dtype, dims, data: x } }, expected }],
    tolerance: 1e-6,
  }
}

const dequantizeInt8 = dequantizeTest(
  'int8',
  new Int8Array([-128, -100, -60, -50, -40, -30, -20, -10, 0, 10, 20, 30, 40, 60, 100, 127]),
  new Int8Array([3]),
  [-6.55, -5.15, -3.15, -2.65, -2.15, -1.65, -1.15, -0.65, -0.15, 0.35, 0.85, 1.35, 1.85, 2.85, 4.85, 6.2],
)
const dequantizeUint8 = dequantizeTest(
  'uint8',
  new Uint8Array([0, 1, 2, 50, 100, 127, 128, 129, 130, 150, 200, 250, 254, 255, 7, 9]),
  new Uint8Array([128]),
  [-6.4, -6.35, -6.3, -3.9, -1.4, -0.05, 0, 0.05, 0.1, 1.1, 3.6, 6.1, 6.3, 6.35, -6.05, -5.95],
)

/** One block of 128 4-bit weights w_k = ((k mod 16) − 8) / 2: larger blocks than 32 are what broke. */
const matMulNBits: SelfTest = (() => {
  const depth = 128
  const packed = new Uint8Array(depth / 2).map(
    (_, index) => [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe][index % 8] ?? 0,
  )
  const weights = [
    makeTensor('b', 'uint8', [1, 1, packed.length], packed),
    makeTensor('scales', 'float32', [1], new Float32Array([0.5])),
  ]
  const node = {
    opType: 'MatMulNBits',
    domain: 'com.microsoft',
    attributes: attributes({ K: depth, N: 1, bits: 4, block_size: depth }),
  }
  const feed = (value: (k: number) => number): NamedValues => ({
    x: { dtype: 'float32', dims: [1, depth], data: new Float32Array(depth).map((_, k) => value(k)) },
  })
  return {
    name: 'MatMulNBits 4-bit, block 128',
    model: oneNodeModel(node, info('x', 'float32', [1, depth]), info('y', 'float32', [1, 1]), weights),
    cases: [
      { feeds: feed(() => 1), expected: [-32] },
      { feeds: feed((k) => k / depth), expected: [-5.25] },
      { feeds: feed((k) => (k === 100 ? 1 : 0)), expected: [-2] },
    ],
    tolerance: 1e-4,
  }
})()

/**
 * 255 · ±127 in all 64 terms: a kernel that adds pairs of u8·s8 products in 16 bits, as x64 without VNNI does, stops at half of the sum.
 * Models for such an engine need weights of reduced range.
 */
const saturation: SelfTest = (() => {
  const depth = 64
  const columns = [127, -127]
  const b = Int8Array.from({ length: depth * columns.length }, (_, index) => columns[index % columns.length] ?? 0)
  const node = { opType: 'MatMulInteger', domain: '', attributes: attributes({}) }
  const x = { dtype: 'uint8', dims: [1, depth], data: new Uint8Array(depth).fill(255) } as const
  return {
    name: 'u8·s8 sums without saturation',
    model: oneNodeModel(node, info('x', 'uint8', [1, depth]), info('y', 'int32', [1, columns.length]), [
      makeTensor('b', 'int8', [depth, columns.length], b),
    ]),
    cases: [{ feeds: { x }, expected: columns.map((weight) => 255 * weight * depth) }],
    tolerance: 0,
  }
})()
