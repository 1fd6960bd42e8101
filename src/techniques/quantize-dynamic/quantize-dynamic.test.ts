import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { measureError } from '../../core/numeric/error-metrics'
import { seededRng } from '../../core/numeric/rng'
import { verifyGraph } from '../../core/model/verify-graph'
import { apply } from './apply'
import type { DynamicOptions } from './plan'

const DEFAULTS: DynamicOptions = {
  weightType: 'int8',
  granularity: 'channel',
  convolutions: true,
  depthwise: false,
  embeddings: true,
}

const random = (count: number, seed: number): number[] => {
  const rng = seededRng(seed)
  return Array.from({ length: count }, () => rng.normal())
}

const count = (model: Model, opType: string): number => model.graph.nodes.filter((n) => n.opType === opType).length

async function sqnr(model: Model, feeds: Parameters<typeof runModel>[1], options: DynamicOptions): Promise<number> {
  const { model: quantized } = await apply(model, options, testContext())
  verifyGraph(quantized)
  const truth = await runModel(model, feeds, 'disabled')
  const plain = await runModel(quantized, feeds, 'disabled')
  const fused = await runModel(quantized, feeds, 'all')
  const [output = ''] = model.graph.outputs.map(({ name }) => name)
  const errors = [plain, fused].map(
    (values) => measureError(numbersOf(truth, output), numbersOf(values, output)).sqnrDb,
  )
  return Math.min(...errors)
}

const gemm = (attributes: Parameters<typeof node>[3], weightDims: number[]): Model =>
  buildModel({
    inputs: { x: ['float32', [4, 32]] },
    outputs: { y: ['float32', [4, 24]] },
    initializers: { w: tensor('float32', weightDims, random(32 * 24, 1)), b: tensor('float32', [24], random(24, 2)) },
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'], attributes)],
  })

const conv = (dims: number[], input: number[], attributes: Parameters<typeof node>[3] = {}): Model =>
  buildModel({
    inputs: { x: ['float32', input] },
    outputs: { y: ['float32'] },
    initializers: {
      w: tensor(
        'float32',
        dims,
        random(
          dims.reduce((a, b) => a * b),
          3,
        ),
      ),
      b: tensor('float32', [dims[0] as number], random(dims[0] as number, 4)),
    },
    nodes: [node('Conv', ['x', 'w', 'b'], ['y'], attributes)],
  })

const x = floats([4, 32], random(128, 5))
const everyForm = (['int8', 'uint8'] as const).flatMap((weightType) =>
  (['channel', 'tensor'] as const).map((granularity) => ({ ...DEFAULTS, weightType, granularity })),
)

describe.each(everyForm)('quantize-dynamic with $weightType per $granularity', (options) => {
  it('keeps the answers of MatMul, of rank 3 too', async () => {
    const matmul = (dims: number[], input: number[]): Model =>
      buildModel({
        inputs: { x: ['float32', input] },
        outputs: { y: ['float32'] },
        initializers: {
          w: tensor(
            'float32',
            dims,
            random(
              dims.reduce((a, b) => a * b),
              6,
            ),
          ),
        },
        nodes: [node('MatMul', ['x', 'w'], ['y'])],
      })
    expect(await sqnr(matmul([32, 24], [4, 32]), { x }, options)).toBeGreaterThan(35)
    const stacked = { x: floats([2, 4, 32], random(256, 7)) }
    expect(await sqnr(matmul([2, 32, 24], [2, 4, 32]), stacked, options)).toBeGreaterThan(35)
  })

  it('keeps the answers of Gemm with any transB, alpha and beta', async () => {
    expect(await sqnr(gemm({}, [32, 24]), { x }, options)).toBeGreaterThan(35)
    expect(await sqnr(gemm({ transB: 1 }, [24, 32]), { x }, options)).toBeGreaterThan(35)
    expect(await sqnr(gemm({ alpha: float(-0.5), beta: float(3) }, [32, 24]), { x }, options)).toBeGreaterThan(35)
  })

  it('keeps the answers of Conv in one and two dimensions, padded and grouped', async () => {
    const image = {
      x: floats(
        [1, 8, 6, 6],
        random(288, 8).map((v) => v + 2),
      ),
    }
    expect(await sqnr(conv([8, 8, 3, 3], [1, 8, 6, 6], { pads: [1, 1, 1, 1] }), image, options)).toBeGreaterThan(35)
    expect(await sqnr(conv([8, 4, 3, 3], [1, 8, 6, 6], { group: 2 }), image, options)).toBeGreaterThan(35)
    const signal = { x: floats([1, 8, 16], random(128, 9)) }
    expect(await sqnr(conv([8, 8, 3], [1, 8, 16], { pads: [1, 1] }), signal, options)).toBeGreaterThan(35)
  })

  it('keeps the answers of a lookup', async () => {
    const model = buildModel({
      inputs: { i: ['int64', [5]] },
      outputs: { y: ['float32'] },
      initializers: { table: tensor('float32', [64, 32], random(2048, 10)) },
      nodes: [node('Gather', ['table', 'i'], ['y'])],
    })
    const i = { dtype: 'int64', dims: [5], data: BigInt64Array.of(0n, 63n, 7n, 7n, -1n) } as const
    expect(await sqnr(model, { i }, options)).toBeGreaterThan(35)
  })
})
