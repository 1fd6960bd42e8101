import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { random } from '../../../tests/fixtures/random'
import { LabError } from '../../core/errors/lab-error'
import { indexGraph } from '../../core/model/graph-index'
import type { Model } from '../../core/model/model'
import { intAttribute, subgraphs } from '../../core/model/node'
import { tensorSizeBytes } from '../../core/model/tensor'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { measureError } from '../../core/numeric/error-metrics'
import { encodeParts } from '../../core/onnx/encode-parts'
import type { NamedValues } from '../../core/pass/tensor-value'
import { apply } from './apply'
import { planWeights, type WeightOptions } from './plan'
import { roundedWeight } from './reference'

const DEFAULTS: WeightOptions = { weightType: 'int8', granularity: 'channel', minElements: 16 }

/** Of normally distributed weights: what 8 bits per channel must keep. */
const MIN_SQNR_DB = 38
/** Against the float64 twin, relative to the largest weight: float32 rounding of scale and product, and no more. */
const MAX_REFERENCE_ERROR = 5e-7
/** Of a dot product, relative to the product of both norms. */
const MAX_DOT_PRODUCT_ERROR = 1.5e-3

const sizeOf = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1)
const weight = (dims: number[], seed = 1) => tensor('float32', dims, random(sizeOf(dims), seed))

async function quantize(model: Model, options = DEFAULTS): Promise<Model> {
  const result = await apply(model, options, testContext())
  verifyGraph(result.model)
  verifyInterface(model, result.model)
  return result.model
}

const dequantizers = (model: Model) => model.graph.nodes.filter(({ opType }) => opType === 'DequantizeLinear')

async function outputSqnr(model: Model, quantized: Model, feeds: NamedValues): Promise<number> {
  const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
  const got = await Promise.all((['disabled', 'all'] as const).map((level) => runModel(quantized, feeds, level)))
  return Math.min(...got.map((values) => measureError(truth, numbersOf(values, 'y')).sqnrDb))
}

interface OpCase {
  readonly op: string
  readonly dims: number[]
  readonly input: number[]
  readonly axis: number
  readonly attributes?: Parameters<typeof node>[3]
  readonly isLeft?: boolean
}
const OPS: readonly OpCase[] = [
  { op: 'Conv', dims: [8, 4, 3, 3], input: [1, 4, 6, 6], axis: 0 },
  { op: 'ConvTranspose', dims: [4, 8, 3, 3], input: [1, 4, 5, 5], axis: 1 },
  { op: 'Gemm', dims: [16, 12], input: [3, 16], axis: 1 },
  { op: 'Gemm', dims: [12, 16], input: [3, 16], axis: 0, attributes: { transB: 1 } },
  { op: 'Gemm', dims: [12, 16], input: [16, 3], axis: 0, isLeft: true },
  { op: 'MatMul', dims: [16, 12], input: [2, 3, 16], axis: 1 },
  { op: 'MatMul', dims: [2, 16, 12], input: [2, 3, 16], axis: 2 },
  { op: 'MatMul', dims: [12, 16], input: [16, 3], axis: 0, isLeft: true },
]

const single = ({ op, dims, input, attributes, isLeft }: OpCase): Model =>
  buildModel({
    opset: 11,
    inputs: { x: ['float32', input] },
    outputs: { y: ['float32'] },
    initializers: { w: weight(dims) },
    nodes: [node(op, isLeft ? ['w', 'x'] : ['x', 'w'], ['y'], attributes)],
  })

describe('quantize-weights', () => {
  it.each(OPS)('keeps the answers of $op with a weight $dims and scales along axis $axis', async (example) => {
    const model = single(example)
    const quantized = await quantize(model)
    const [dequantize] = dequantizers(quantized)
    expect(dequantize && intAttribute(dequantize, 'axis', -9)).toBe(example.axis)
    expect(quantized.graph.initializers.get('w_scale')?.dims).toEqual([example.dims[example.axis]])
    expect(quantized.graph.initializers.has('w')).toBe(false)
    expect(quantized.opsets.get('')).toBe(13)
    const feeds = { x: floats(example.input, random(sizeOf(example.input), 2)) }
    expect(await outputSqnr(model, quantized, feeds)).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('keeps the answers of an LSTM', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [5, 1, 8]] },
      outputs: { y: ['float32'] },
      initializers: { W: weight([1, 32, 8]), R: weight([1, 32, 8], 3) },
      nodes: [node('LSTM', ['x', 'W', 'R'], ['y'], { hidden_size: 8 })],
    })
    const quantized = await quantize(model)
    expect(dequantizers(quantized).map((found) => intAttribute(found, 'axis', -9))).toEqual([1, 1])
    expect(await outputSqnr(model, quantized, { x: floats([5, 1, 8], random(40, 4)) })).toBeGreaterThan(35)
  })

  it('gives a table of Gather one scale per row', async () => {
    const model = buildModel({
      inputs: { i: ['int64', [3]] },
      outputs: { y: ['float32'] },
      initializers: { table: weight([10, 16]) },
      nodes: [node('Gather', ['table', 'i'], ['y'])],
    })
    const quantized = await quantize(model)
    expect(quantized.graph.initializers.get('table_scale')?.dims).toEqual([10])
    const feeds = { i: { dtype: 'int64', dims: [3], data: BigInt64Array.of(0n, 9n, -2n) } } as const
    expect(await outputSqnr(model, quantized, feeds)).toBeGreaterThan(MIN_SQNR_DB)
  })
})

describe('quantize-weights, number by number', () => {
  const dims = [16, 64]
  const values = Array.from(Float32Array.from(random(1024, 5)))

  it.each([
    { weightType: 'int8', granularity: 'channel' },
    { weightType: 'uint8', granularity: 'channel' },
    { weightType: 'int8', granularity: 'tensor' },
    { weightType: 'uint8', granularity: 'tensor' },
  ] as const)('stays within its three bounds: $weightType per $granularity', async (form) => {
    // A product with the identity hands the stored weight out.
    const identity = Array.from({ length: 256 }, (_, i) => (i % 17 === 0 ? 1 : 0))
    const model = buildModel({
      inputs: { x: ['float32', [16, 16]] },
      outputs: { y: ['float32', [16, 64]] },
      initializers: { w: tensor('float32', dims, values) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const quantized = await quantize(model, { ...DEFAULTS, ...form })
    const stored = numbersOf(await runModel(quantized, { x: floats([16, 16], identity) }, 'disabled'), 'y')
    const twin = roundedWeight(values, dims, form.granularity === 'channel' ? 1 : undefined, form.weightType)

    expect(measureError(values, stored).sqnrDb).toBeGreaterThan(MIN_SQNR_DB)
    const largest = Math.max(...values.map(Math.abs))
    expect(measureError(twin, stored).maxAbs / largest).toBeLessThan(MAX_REFERENCE_ERROR)
    const x = random(1024, 6)
    const dot = (w: readonly number[]): number => w.reduce((sum, value, i) => sum + value * (x[i] as number), 0)
    const norm = (w: readonly number[]): number => Math.hypot(...w)
    expect(Math.abs(dot(stored) - dot(values)) / (norm(x) * norm(values))).toBeLessThan(MAX_DOT_PRODUCT_ERROR)
  })
})

describe('quantize-weights finds weights', () => {
  it('in Constant nodes, and removes those', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [3, 16]] },
      outputs: { y: ['float32'] },
      nodes: [
        node('Constant', [], ['w'], { value: { kind: 'tensor', value: weight([16, 12]) } }),
        node('MatMul', ['x', 'w'], ['y']),
      ],
    })
    const quantized = await quantize(model)
    expect(quantized.graph.nodes.map(({ opType }) => opType)).toEqual(['DequantizeLinear', 'MatMul'])
    const feeds = { x: floats([3, 16], random(48, 7)) }
    expect(await outputSqnr(model, quantized, feeds)).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('behind Identity and Transpose, with the axis in the order of the stored weight', () => {
    const model = buildModel({
      inputs: { x: ['float32', [3, 16]] },
      outputs: { y: ['float32'] },
      initializers: { w: weight([12, 16]) },
      nodes: [
        node('Identity', ['w'], ['i']),
        node('Transpose', ['i'], ['t'], { perm: [1, 0] }),
        node('MatMul', ['x', 't'], ['y']),
      ],
    })
    const plan = planWeights(model.graph.nodes, indexGraph(model.graph), DEFAULTS)
    expect(
      plan.weights.map(({ axis, sizeBytesBefore, sizeBytesAfter }) => ({ axis, sizeBytesBefore, sizeBytesAfter })),
    ).toEqual([{ axis: 0, sizeBytesBefore: 768, sizeBytesAfter: 192 + 5 * 12 }])
  })

  it('once, where readers would choose different axes', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [3, 16]], i: ['int64', [3]] },
      outputs: { y: ['float32'] },
      initializers: { w: weight([16, 16]) },
      nodes: [node('Gather', ['w', 'i'], ['g']), node('MatMul', ['x', 'w'], ['m']), node('Add', ['g', 'm'], ['y'])],
    })
    const quantized = await quantize(model)
    expect(dequantizers(quantized)).toHaveLength(1)
    const i = { dtype: 'int64', dims: [3], data: BigInt64Array.of(0n, 5n, 15n) } as const
    expect(await outputSqnr(model, quantized, { x: floats([3, 16], random(48, 8)), i })).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('of the outer graph where a body reads them, and of bodies themselves', async () => {
    const branch = (name: string, own: number) => ({
      kind: 'graph' as const,
      value: buildGraph({
        name,
        outputs: { [`${name}_y`]: ['float32'] },
        initializers: { own: weight([12, 12], own) },
        nodes: [node('MatMul', ['x', 'w'], [`${name}_m`]), node('MatMul', [`${name}_m`, 'own'], [`${name}_y`])],
      }),
    })
    const model = buildModel({
      inputs: { c: ['bool', []], x: ['float32', [3, 16]] },
      outputs: { y: ['float32'] },
      initializers: { w: weight([16, 12]) },
      nodes: [node('If', ['c'], ['y'], { then_branch: branch('then', 9), else_branch: branch('else', 10) })],
    })
    const quantized = await quantize(model)
    expect(dequantizers(quantized)).toHaveLength(1)
    const bodies = quantized.graph.nodes.flatMap((found) => subgraphs(found))
    expect(bodies.map(({ graph }) => graph.nodes.map(({ opType }) => opType))).toEqual(
      Array(2).fill(['MatMul', 'DequantizeLinear', 'MatMul']),
    )
    const x = floats([3, 16], random(48, 11))
    for (const flag of [0, 1]) {
      const c = { dtype: 'bool', dims: [], data: Uint8Array.of(flag) } as const
      expect(await outputSqnr(model, quantized, { c, x })).toBeGreaterThan(35)
    }
  })
})

describe('quantize-weights leaves in float', () => {
  const dense = (values: number[], more: Partial<Parameters<typeof buildModel>[0]> = {}): Model =>
    buildModel({
      inputs: { x: ['float32', [3, 16]] },
      outputs: { y: ['float32', [3, 4]] },
      initializers: { w: tensor('float32', [16, 4], values) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      ...more,
    })

  it('weights with values that are not finite, and says so', async () => {
    const model = dense([NaN, ...random(63, 1)])
    const result = await apply(model, DEFAULTS, testContext())
    expect(result.model).toBe(model)
    expect(result.notes[0]).toMatchObject({ kind: 'skipped', subject: 'w' })
    expect(result.notes[0]?.text).toMatch(/not finite/)
  })

  it('weights below the smallest size', async () => {
    const model = dense(random(64, 1))
    expect((await apply(model, { ...DEFAULTS, minElements: 65 }, testContext())).model).toBe(model)
    expect((await apply(model, { ...DEFAULTS, minElements: 64 }, testContext())).model).not.toBe(model)
  })

  it('a weight that is an output of the model, and says so', async () => {
    const model = dense(random(64, 1), { outputs: { y: ['float32', [3, 4]], w: ['float32', [16, 4]] } })
    const result = await apply(model, DEFAULTS, testContext())
    expect(result.model).toBe(model)
    expect(result.notes[0]).toMatchObject({ kind: 'skipped', subject: 'w' })
  })

  it('a weight that an input of the model may override', async () => {
    const model = dense(random(64, 1), { inputs: { x: ['float32', [3, 16]], w: ['float32', [16, 4]] } })
    expect((await apply(model, DEFAULTS, testContext())).model).toBe(model)
  })

  it('constants that are no weights', async () => {
    const model = dense(random(64, 1), {
      outputs: { y: ['float32'] },
      inputs: { x: ['float32', [16, 4]] },
      nodes: [node('Add', ['x', 'w'], ['y'])],
    })
    expect((await apply(model, DEFAULTS, testContext())).model).toBe(model)
  })
})

describe('quantize-weights as a pass', () => {
  const model = single({ op: 'MatMul', dims: [64, 64], input: [1, 64], axis: 1 })

  it('makes the weights four times smaller', async () => {
    const bytes = ({ graph }: Model): number =>
      [...graph.initializers.values()].reduce((sum, tensor) => sum + tensorSizeBytes(tensor), 0)
    expect(bytes(await quantize(model)) / bytes(model)).toBeLessThan(0.28)
  })

  it('hands out the session option that restores float weights at load, with the file that needs it only', async () => {
    const restoring = async (minElements: number) => {
      const result = await apply(
        single({ op: 'MatMul', dims: [16, 12], input: [2, 16], axis: 1 }),
        { ...DEFAULTS, minElements },
        testContext(),
      )
      return result.sessionOptions
    }
    expect([await restoring(16), await restoring(1000)]).toEqual([{ 'session.disable_quant_qdq': '1' }, undefined])
  })

  it('changes nothing the second time, and gives the same bytes every time', async () => {
    const once = await quantize(model)
    expect(await quantize(once)).toBe(once)
    expect(encodeParts(await quantize(model))).toEqual(encodeParts(once))
  })

  it('stops at a cancel', async () => {
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    const context = testContext({ checkpoint: () => Promise.reject(cancelled) })
    await expect(apply(model, DEFAULTS, context)).rejects.toBe(cancelled)
  })
})
