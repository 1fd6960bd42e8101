import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { numbersIn } from '../../../tests/fixtures/tensor-numbers'
import { testContext } from '../../../tests/fixtures/test-context'
import { random } from '../../../tests/fixtures/random'
import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { measureError } from '../../core/numeric/error-metrics'
import type { CalibrationData, PassContext } from '../../core/pass/pass-context'
import type { NamedValues } from '../../core/pass/tensor-value'
import { defaultOptions } from '../../core/options/parse-options'
import { apply } from './apply'
import { integerLayer } from './reference'
import { spec, type StaticOptions } from './spec'
import { opTypes } from '../../../tests/fixtures/op-types'

const DEFAULTS: StaticOptions = defaultOptions(spec.options)

/** Of a network of three layers with random weights. */
const MIN_NETWORK_SQNR_DB = 28
/** Of one layer with normally distributed weights and inputs. */
const MIN_LAYER_SQNR_DB = 35
/** Against the float64 twin, relative to the largest answer: sums are exact integers, so only the last product rounds. */
const MAX_REFERENCE_ERROR = 5e-7
/** Of one element of a product, relative to the product of the norms of its row and column. */
const MAX_DOT_PRODUCT_ERROR = 6e-3

const weight = (dims: number[], seed: number) =>
  tensor(
    'float32',
    dims,
    random(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ).map((v) => v / 4),
  )

const samples = (...feeds: NamedValues[]): CalibrationData => ({
  source: 'test',
  size: feeds.length,
  sample: (index) => Promise.resolve(feeds[index] as NamedValues),
})

async function quantize(model: Model, feeds: NamedValues[], options = DEFAULTS, context: Partial<PassContext> = {}) {
  const result = await apply(model, options, testContext({ calibration: samples(...feeds), ...context }))
  verifyGraph(result.model)
  verifyInterface(model, result.model)
  return result
}

const count = (model: Model, opType: string): number => opTypes(model).filter((op) => op === opType).length
const constant = (model: Model, name: string): number[] => numbersIn(model.graph.initializers.get(name))

const linspace = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + (i * (to - from)) / (count - 1))

describe('the values of the reference toolkit', () => {
  const model = buildModel({
    opset: 13,
    inputs: { x: ['float32', [1, 2, 2, 2]] },
    outputs: { y: ['float32', [1, 2, 2, 2]] },
    initializers: {
      w: tensor('float32', [2, 2, 1, 1], [0.5, -1, 0.25, 0.125]),
      b: tensor('float32', [2], [0.1, -0.2]),
    },
    nodes: [node('Conv', ['x', 'w', 'b'], ['c']), node('Relu', ['c'], ['y'])],
  })
  const feeds = { x: floats([1, 2, 2, 2], linspace(-1, 3, 8)) }

  it('match for int8 activations and one scale per tensor', async () => {
    const { model: result } = await quantize(model, [feeds], {
      ...DEFAULTS,
      activationType: 'int8',
      granularity: 'tensor',
    })
    expect(constant(result, 'x_scale')).toEqual([0.01568627543747425])
    expect(constant(result, 'x_zero_point')).toEqual([-64])
    expect(constant(result, 'w_scale')).toEqual([0.007874015718698502])
    expect(constant(result, 'w_quantized')).toEqual([64, -127, 32, 16])
    expect(constant(result, 'b_quantized')).toEqual([810, -1619])
    expect(constant(result, 'b_quantized_scale')).toEqual([0.00012351397890597582])
    expect(constant(result, 'b_quantized_zero_point')).toEqual([0])
    expect(constant(result, 'y_scale')).toEqual([0.0013865547953173518])
    expect(constant(result, 'y_zero_point')).toEqual([-128])
    expect(opTypes(result)).not.toContain('Relu')
    expect(result.graph.nodes.find(({ opType }) => opType === 'Conv')?.outputs).toEqual(['y_QuantizeLinear_Input'])
  })

  it('match for uint8 activations and one scale per channel', async () => {
    const { model: result } = await quantize(model, [feeds])
    expect(constant(result, 'w_scale')).toEqual([0.007874015718698502, 0.0019685039296746254])
    expect(constant(result, 'w_quantized')).toEqual([64, -127, 127, 64])
    expect(constant(result, 'b_quantized')).toEqual([810, -6477])
    expect(constant(result, 'x_zero_point')).toEqual([64])
    expect(constant(result, 'y_zero_point')).toEqual([0])
  })

  it('match where a bias would overflow int32', async () => {
    const tiny = buildModel({
      inputs: { x: ['float32', [1, 1, 1, 2]] },
      outputs: { y: ['float32', [1, 1, 1, 2]] },
      initializers: { w: tensor('float32', [1, 1, 1, 1], [1e-7]), b: tensor('float32', [1], [1000]) },
      nodes: [node('Conv', ['x', 'w', 'b'], ['y'])],
    })
    const options = { ...DEFAULTS, activationType: 'int8', granularity: 'tensor' } as const
    const { model: result } = await quantize(tiny, [{ x: floats([1, 1, 1, 2], [-1, 1]) }], options)
    expect(constant(result, 'x_scale')).toEqual([0.007843137718737125])
    expect(constant(result, 'w_scale')).toEqual([5.937774767517112e-5])
    expect(constant(result, 'w_quantized')).toEqual([0])
    expect(constant(result, 'b_quantized')).toEqual([2147268974])
    expect(constant(result, 'b_quantized_scale')).toEqual([4.6570784206778626e-7])
  })
})

/** x → Conv → Relu → MaxPool → Conv → Add(with a shortcut) → Relu → GlobalAveragePool → Flatten → Gemm → y */
const residual = buildModel({
  opset: 17,
  inputs: { x: ['float32', [1, 3, 12, 12]] },
  outputs: { y: ['float32', [1, 10]] },
  initializers: {
    w1: weight([8, 3, 3, 3], 1),
    b1: weight([8], 2),
    w2: weight([8, 8, 3, 3], 3),
    b2: weight([8], 4),
    w3: weight([10, 8], 5),
    b3: weight([10], 6),
  },
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1, 1, 1, 1] }),
    node('Relu', ['c1'], ['r1']),
    node('MaxPool', ['r1'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
    node('Conv', ['p', 'w2', 'b2'], ['c2'], { pads: [1, 1, 1, 1] }),
    node('Add', ['c2', 'p'], ['s']),
    node('Relu', ['s'], ['r2']),
    node('GlobalAveragePool', ['r2'], ['g']),
    node('Flatten', ['g'], ['f']),
    node('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1 }),
  ],
})
const images = [7, 8, 9].map((seed) => ({ x: floats([1, 3, 12, 12], random(432, seed)) }))

describe('quantize-static', () => {
  it.each(['uint8', 'int8'] as const)(
    'keeps the answers of a residual network with %s activations',
    async (activationType) => {
      const { model } = await quantize(residual, images, { ...DEFAULTS, activationType })
      const feeds = images[0] as NamedValues
      const truth = numbersOf(await runModel(residual, feeds, 'disabled'), 'y')
      for (const optimization of ['disabled', 'all'] as const) {
        expect(measureError(truth, numbersOf(await runModel(model, feeds, optimization), 'y')).sqnrDb).toBeGreaterThan(
          28,
        )
      }
    },
  )

  it('leaves neither Relu nor unmatched pairs in a residual network, and the logits in float', async () => {
    const { model } = await quantize(residual, images)
    expect(count(model, 'Relu')).toBe(0)
    expect(count(model, 'QuantizeLinear')).toBe(7)
    expect(model.graph.nodes.find(({ outputs }) => outputs[0] === 'y')?.opType).toBe('Gemm')
  })
})

async function sqnr(model: Model, feeds: NamedValues[], options = DEFAULTS): Promise<number> {
  const { model: quantized } = await quantize(model, feeds, options)
  const [first = {}] = feeds
  const truth = numbersOf(await runModel(model, first, 'disabled'), 'y')
  const results = await Promise.all((['disabled', 'all'] as const).map((level) => runModel(quantized, first, level)))
  return Math.min(...results.map((values) => measureError(truth, numbersOf(values, 'y')).sqnrDb))
}

const dense = (attributes: Parameters<typeof node>[3], more: Partial<Parameters<typeof buildModel>[0]> = {}): Model =>
  buildModel({
    inputs: { x: ['float32', [4, 32]] },
    outputs: { y: ['float32', [4, 8]] },
    initializers: { w: weight([32, 8], 1), b: tensor('float32', [8], linspace(-4, 4, 8)) },
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'], attributes)],
    ...more,
  })
const vectors = [{ x: floats([4, 32], random(128, 2)) }]

describe('a layer', () => {
  it('stays within its three bounds', async () => {
    const xs = random(128, 2).map(Math.fround)
    const { model, calibration } = await quantize(dense({}), vectors)
    const got = numbersOf(await runModel(model, { x: floats([4, 32], xs) }, 'disabled'), 'y')
    const x = Array.from({ length: 4 }, (_, row) => xs.slice(row * 32, row * 32 + 32))
    const ws = constant(dense({}), 'w')
    const w = Array.from({ length: 32 }, (_, row) => ws.slice(row * 8, row * 8 + 8))
    const b = constant(dense({}), 'b')
    const exact = x.flatMap((row) =>
      b.map((bias, n) => row.reduce((sum, v, k) => sum + v * (w[k]?.[n] as number), bias)),
    )
    expect(measureError(exact, got).sqnrDb).toBeGreaterThan(MIN_LAYER_SQNR_DB)
    const range = calibration?.ranges['x'] ?? [0, 0]
    const twin = integerLayer({ x, w, b, range }).flat()
    expect(measureError(twin, got).maxAbs / Math.max(...exact.map(Math.abs))).toBeLessThan(MAX_REFERENCE_ERROR)
    const norms = x.flatMap((row) => b.map((_, n) => Math.hypot(...row) * Math.hypot(...w.map((r) => r[n] as number))))
    const worst = Math.max(...exact.map((value, i) => Math.abs(value - (got[i] as number)) / (norms[i] as number)))
    expect(worst).toBeLessThan(MAX_DOT_PRODUCT_ERROR)
  })

  it.each([{}, { beta: float(0.5) }, { alpha: float(0.5) }, { alpha: float(-2), beta: float(3) }])(
    'keeps the answers of Gemm with %j, where the reference toolkit does not',
    async (attributes) => {
      expect(await sqnr(dense(attributes), vectors)).toBeGreaterThan(MIN_LAYER_SQNR_DB)
    },
  )

  it('keeps the answers with a bias in float and with one scale per tensor', async () => {
    expect(await sqnr(dense({ beta: float(2) }), vectors, { ...DEFAULTS, quantizeBias: false })).toBeGreaterThan(
      MIN_LAYER_SQNR_DB,
    )
    expect(await sqnr(dense({}), vectors, { ...DEFAULTS, granularity: 'tensor' })).toBeGreaterThan(MIN_LAYER_SQNR_DB)
  })

  it('keeps the answers of MatMul with its weight left or right, of rank 3, or without one', async () => {
    const product = (left: readonly [string, number[]], right: readonly [string, number[]]): [Model, NamedValues[]] => {
      const sides = [left, right]
      const inputs = sides.filter(([name]) => name !== 'w')
      const weights = sides.filter(([name]) => name === 'w')
      const model = buildModel({
        inputs: Object.fromEntries(inputs.map(([name, dims]) => [name, ['float32', dims] as const])),
        outputs: { y: ['float32'] },
        initializers: Object.fromEntries(weights.map(([name, dims]) => [name, weight(dims, 3)])),
        nodes: [node('MatMul', [left[0], right[0]], ['y'])],
      })
      const feeds = inputs.map(([name, dims], i) => [
        name,
        floats(
          dims,
          random(
            dims.reduce((a, b) => a * b, 1),
            4 + i,
          ),
        ),
      ])
      return [model, [Object.fromEntries(feeds) as NamedValues]]
    }
    expect(await sqnr(...product(['x', [4, 32]], ['w', [32, 8]]))).toBeGreaterThan(MIN_LAYER_SQNR_DB)
    expect(await sqnr(...product(['w', [4, 32]], ['x', [32, 8]]))).toBeGreaterThan(MIN_LAYER_SQNR_DB)
    expect(await sqnr(...product(['x', [2, 4, 32]], ['w', [2, 32, 8]]))).toBeGreaterThan(MIN_LAYER_SQNR_DB)
    expect(await sqnr(...product(['x', [2, 4, 32]], ['z', [2, 32, 8]]))).toBeGreaterThan(MIN_LAYER_SQNR_DB)
  })

  it('takes weights from Constant nodes and quantizes one separately for readers along other axes', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 16]] },
      outputs: { y: ['float32'] },
      nodes: [
        node('Constant', [], ['w'], { value: { kind: 'tensor', value: weight([16, 16], 5) } }),
        node('Gemm', ['x', 'w'], ['h']),
        node('Gemm', ['h', 'w'], ['y'], { transB: 1 }),
      ],
    })
    const feeds = [{ x: floats([4, 16], random(64, 6)) }]
    const { model: quantized } = await quantize(model, feeds)
    expect(opTypes(quantized)).not.toContain('Constant')
    expect([...quantized.graph.initializers.keys()].filter((name) => name.startsWith('w_quantized'))).toHaveLength(2)
    expect(await sqnr(model, feeds)).toBeGreaterThan(30)
  })
})

describe('values read in many places', () => {
  it('keep the answers where a graph output is also read inside, and a body reads a quantized value', async () => {
    const body = (name: string, op: string) => ({
      kind: 'graph' as const,
      value: buildGraph({ name, outputs: { [name]: ['float32'] }, nodes: [node(op, ['h'], [name])] }),
    })
    const model = buildModel({
      inputs: { x: ['float32', [1, 4, 6, 6]], k: ['bool', []] },
      outputs: { y: ['float32'], h: ['float32'] },
      initializers: { w: weight([4, 4, 1, 1], 1), v: weight([4, 4, 3, 3], 2) },
      nodes: [
        node('Conv', ['x', 'w'], ['h']),
        node('Conv', ['h', 'v'], ['c'], { pads: [1, 1, 1, 1] }),
        node('If', ['k'], ['i'], { then_branch: body('t', 'Neg'), else_branch: body('e', 'Abs') }),
        node('Add', ['c', 'i'], ['s']),
        node('Mul', ['s', 'x'], ['y']),
      ],
    })
    const k = { dtype: 'bool', dims: [], data: Uint8Array.of(1) } as const
    const feeds = [{ x: floats([1, 4, 6, 6], random(144, 3)), k }]
    expect(await sqnr(model, feeds)).toBeGreaterThan(MIN_NETWORK_SQNR_DB)
    const { model: quantized } = await quantize(model, feeds)
    expect(quantized.graph.nodes.find(({ outputs }) => outputs[0] === 'h')?.opType).toBe('DequantizeLinear')
  })
})

it('a second run of quantize-static changes nothing', async () => {
  const { model: once } = await quantize(residual, images)
  expect((await apply(once, DEFAULTS, testContext())).model).toBe(once)
})

it('names a value of unknown type, for nothing can be said of it', async () => {
  const strange = buildModel({
    inputs: { x: ['float32', [1, 4]] },
    outputs: { y: ['float32'] },
    domains: { strange: 1 },
    initializers: {
      w: tensor(
        'float32',
        [4, 4],
        Array.from({ length: 16 }, (_, i) => i / 16),
      ),
    },
    nodes: [
      node('MatMul', ['x', 'w'], ['a']),
      { ...node('Odd', ['a'], ['b']), domain: 'strange' },
      node('Relu', ['b'], ['y']),
    ],
  })
  const ranges = { x: [-1, 1], a: [-1, 1] } as const
  const { notes } = await apply(strange, defaultOptions(spec.options), testContext({ ranges }))
  expect(notes).toContainEqual({
    kind: 'warning',
    subject: 'b',
    text: expect.stringMatching(/^Its type is not known, as it comes from "/),
  })
})
