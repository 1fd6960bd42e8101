// Static ranges: the arithmetic against a float64 twin, the form of the graph, and what is done with samples and with ranges of a recipe.

import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { SMALL_MODELS } from '../../../tests/fixtures/small-models'
import { numbersIn } from '../../../tests/fixtures/tensor-numbers'
import { testContext } from '../../../tests/fixtures/test-context'
import { random as normal } from '../../../tests/fixtures/random'
import { LabError } from '../../core/errors/lab-error'
import { indexGraph } from '../../core/model/graph-index'
import type { Model } from '../../core/model/model'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { measureError } from '../../core/numeric/error-metrics'
import { encodeParts } from '../../core/onnx/encode-parts'
import { defaultOptions, parseOptions } from '../../core/options/parse-options'
import { dataNeed } from '../../core/options/spec'
import type { CalibrationData, PassContext, TensorRanges } from '../../core/pass/pass-context'
import type { PassResult } from '../../core/pass/technique'
import { apply } from './apply'
import type { DynamicOptions } from './plan'
import { integerProduct, quantizeLikeEngine, quantizeWithin } from './reference'
import { spec } from './spec'
import { opTypes } from '../../../tests/fixtures/op-types'

const DYNAMIC: DynamicOptions = defaultOptions(spec.options)
const STATIC: DynamicOptions = { ...DYNAMIC, activationRanges: 'static' }

/** Against the float64 twin, relative to the largest answer: the sums are exact integers, so only the last product and the bias round. */
const MAX_REFERENCE_ERROR = 5e-7
/** Of whole small networks against their float originals, as the contract tests ask of defaults. */
const MIN_SQNR_DB = 20

const random = (count: number, seed: number): number[] => normal(count, seed).map(Math.fround)
const matrix = (values: readonly number[], columns: number): number[][] =>
  Array.from({ length: values.length / columns }, (_, row) => values.slice(row * columns, (row + 1) * columns))
const bytesOf = ({ model }: PassResult) => encodeParts(model)

const samplesOf = (dims: readonly number[], ...rows: readonly (readonly number[])[]): CalibrationData => ({
  source: 'test',
  size: rows.length,
  sample: (index) => Promise.resolve({ x: floats(dims, rows[index] ?? []) }),
})
const withRanges = (ranges: TensorRanges): PassContext => testContext({ ranges })

/** The same model, with a value of its main graph as one more output. */
const showing = (model: Model, name: string): Model => {
  const info = { name, type: { kind: 'tensor', dtype: 'uint8' } as const }
  return { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, info] } }
}

const RANGE = [-1.25, 2] as const

describe('a product with a static range', () => {
  const [rows, inner, columns] = [4, 64, 16]
  const xs = random(rows * inner, 1)
  const ws = random(inner * columns, 2)
  const bs = random(columns, 3)
  const x = { x: floats([rows, inner], xs) }
  const product = buildModel({
    inputs: { x: ['float32', [rows, inner]] },
    outputs: { y: ['float32'] },
    initializers: { w: tensor('float32', [inner, columns], ws), b: tensor('float32', [columns], bs) },
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'])],
  })
  const forms = (['int8', 'uint8'] as const).flatMap((weightType) =>
    (['channel', 'tensor'] as const).map((granularity) => ({ weightType, granularity })),
  )

  it.each(forms)('has the integers and the answers of the float64 twin: %j', async (form) => {
    const { model } = await apply(product, { ...STATIC, ...form }, withRanges({ x: RANGE }))
    const twin = integerProduct(matrix(xs, inner), matrix(ws, columns), { ...form, range: RANGE })
    const expected = twin.flatMap((row) => row.map((value, column) => value + (bs[column] as number)))
    for (const optimization of ['disabled', 'all'] as const) {
      const got = await runModel(showing(model, 'x_quantized'), x, optimization)
      // The samples go beyond the range on both sides.
      const { q } = quantizeWithin(xs, RANGE)
      expect([Math.min(...q), Math.max(...q)]).toEqual([0, 255])
      expect(numbersOf(got, 'x_quantized')).toEqual(q)
      const { maxAbs } = measureError(expected, numbersOf(got, 'y'))
      expect(maxAbs / Math.max(...expected.map(Math.abs))).toBeLessThan(MAX_REFERENCE_ERROR)
    }
  })

  it('is that of dynamic ranges on the sample that fixed them', async () => {
    const calibration = samplesOf([rows, inner], xs)
    const { model } = await apply(product, STATIC, testContext({ calibration }))
    const { model: dynamic } = await apply(product, DYNAMIC, testContext())
    const [fixed, measured] = [await runModel(model, x, 'disabled'), await runModel(dynamic, x, 'disabled')]
    expect(numbersOf(fixed, 'y')).toEqual(numbersOf(measured, 'y'))
  })

  it('needs no node but the product: scale, zero point and product of the scales are constants', async () => {
    const { model } = await apply(product, STATIC, withRanges({ x: RANGE }))
    expect(opTypes(model)).toEqual(['QuantizeLinear', 'MatMulInteger', 'Cast', 'Mul', 'Add'])
    const { initializers } = model.graph
    const { scale, zeroPoint } = quantizeWithin([], RANGE)
    expect(numbersIn(initializers.get('x_scale'))).toEqual([scale])
    expect(initializers.get('x_zero_point')).toMatchObject({ dtype: 'uint8', dims: [] })
    expect(numbersIn(initializers.get('x_zero_point'))).toEqual([zeroPoint])
    const { model: dynamic } = await apply(product, DYNAMIC, testContext())
    const weightScales = numbersIn(dynamic.graph.initializers.get('w_scale'))
    const [mul] = model.graph.nodes.filter(({ opType }) => opType === 'Mul')
    expect(numbersIn(initializers.get(mul?.inputs[1] ?? ''))).toEqual(
      weightScales.map((other) => Math.fround(scale * other)),
    )
    // Nobody reads the scales of the weight alone any more.
    expect(initializers.has('w_scale')).toBe(false)
  })

  it('of two activations has both ranges fixed', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 8]], z: ['float32', [8, 3]] },
      outputs: { y: ['float32'] },
      nodes: [node('MatMul', ['x', 'z'], ['y'])],
    })
    const [left, right] = [random(32, 4), random(24, 5)]
    const ranges = { x: [-2, 2], z: [-3, 1] } as const
    const { model: made } = await apply(model, { ...STATIC, constantWeightsOnly: false }, withRanges(ranges))
    expect(opTypes(made).toSorted()).toEqual(['Cast', 'MatMulInteger', 'Mul', 'QuantizeLinear', 'QuantizeLinear'])
    const got = await runModel(made, { x: floats([4, 8], left), z: floats([8, 3], right) })
    const [a, b] = [quantizeWithin(left, ranges.x), quantizeWithin(right, ranges.z)]
    const sums = matrix(a.q, 8).flatMap((row) =>
      [0, 1, 2].map((column) =>
        row.reduce((sum, q, k) => sum + (q - a.zeroPoint) * ((b.q[3 * k + column] as number) - b.zeroPoint), 0),
      ),
    )
    const expected = sums.map((sum) => Math.fround(sum * Math.fround(a.scale * b.scale)))
    expect(numbersOf(got, 'y')).toEqual(expected)
  })
})

describe('a convolution with a static range', () => {
  const [channels, outputs, size] = [3, 5, 6]
  const xs = random(channels * size * size, 6)
  const ws = random(outputs * channels * 9, 7)
  const convolution = buildModel({
    inputs: { x: ['float32', [1, channels, size, size]] },
    outputs: { y: ['float32'] },
    initializers: { w: tensor('float32', [outputs, channels, 3, 3], ws) },
    nodes: [node('Conv', ['x', 'w'], ['y'], { pads: [1, 1, 1, 1] })],
  })

  /** One row per place of the kernel, zeros around the image. */
  const patches = Array.from({ length: size * size }, (_, place) =>
    Array.from({ length: channels * 9 }, (_, tap) => {
      const [row, column] = [Math.floor(place / size) + Math.floor((tap % 9) / 3) - 1, (place % size) + (tap % 3) - 1]
      const isInside = row >= 0 && row < size && column >= 0 && column < size
      return isInside ? (xs[Math.floor(tap / 9) * size * size + row * size + column] as number) : 0
    }),
  )
  const kernels = Array.from({ length: channels * 9 }, (_, tap) =>
    Array.from({ length: outputs }, (_, output) => ws[output * channels * 9 + tap] as number),
  )

  it('has the integers and the answers of the float64 twin, padding included', async () => {
    const { model } = await apply(convolution, STATIC, withRanges({ x: RANGE }))
    expect(opTypes(model)).toEqual(['QuantizeLinear', 'ConvInteger', 'Cast', 'Mul'])
    const twin = integerProduct(patches, kernels, { weightType: 'int8', granularity: 'channel', range: RANGE })
    const expected = Array.from({ length: outputs }, (_, output) => twin.map((row) => row[output] as number)).flat()
    const feeds = { x: floats([1, channels, size, size], xs) }
    const got = await runModel(showing(model, 'x_quantized'), feeds)
    expect(numbersOf(got, 'x_quantized')).toEqual(quantizeWithin(xs, RANGE).q)
    const { maxAbs } = measureError(expected, numbersOf(got, 'y'))
    expect(maxAbs / Math.max(...expected.map(Math.abs))).toBeLessThan(MAX_REFERENCE_ERROR)
  })
})

describe('the twin', () => {
  it('agrees with that of dynamic ranges on the range of the values', () => {
    const xs = random(100, 8)
    expect(quantizeWithin(xs, [Math.min(...xs), Math.max(...xs)])).toEqual(quantizeLikeEngine(xs))
  })
})

/** x → Conv → Relu → MaxPool → two Convs, each with a bias. */
function pooled(opset: number, extraOutputs: readonly string[] = []): Model {
  const w = (seed: number) => tensor('float32', [4, 4, 1, 1], random(16, seed))
  return buildModel({
    opset,
    inputs: { x: ['float32', [1, 4, 8, 8]] },
    outputs: { y: ['float32'], ...Object.fromEntries(extraOutputs.map((name) => [name, ['float32'] as const])) },
    initializers: { w0: w(1), w1: w(2), w2: w(3) },
    nodes: [
      node('Conv', ['x', 'w0'], ['c']),
      node('Relu', ['c'], ['r']),
      node('MaxPool', ['r'], ['p'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      node('Conv', ['p', 'w1'], ['a']),
      node('Conv', ['p', 'w2'], ['b']),
      node('Add', ['a', 'b'], ['y']),
    ],
  })
}
const POOLED_RANGES = { x: [-2, 2], p: [0, 3] } as const

describe('values that a Relu makes', () => {
  it('are quantized once for all readers, with zero point 0 whatever the range says', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 32]] },
      outputs: { y: ['float32'] },
      initializers: { v: tensor('float32', [32, 8], random(256, 1)), w: tensor('float32', [32, 8], random(256, 2)) },
      nodes: [
        node('Relu', ['x'], ['r']),
        node('MatMul', ['r', 'v'], ['a']),
        node('MatMul', ['r', 'w'], ['b']),
        node('Add', ['a', 'b'], ['y']),
      ],
    })
    const { model: made } = await apply(model, STATIC, withRanges({ r: [-4, 4] }))
    expect(opTypes(made).filter((op) => op === 'QuantizeLinear')).toHaveLength(1)
    expect(numbersIn(made.graph.initializers.get('r_zero_point'))).toEqual([0])
    expect(numbersIn(made.graph.initializers.get('r_scale'))).toEqual([Math.fround(4 / 255)])
  })

  it('are quantized before a MaxPool that comes between, with the same answers to the bit', async () => {
    const feeds = { x: floats([1, 4, 8, 8], random(256, 9)) }
    const { model: early } = await apply(pooled(17), STATIC, withRanges(POOLED_RANGES))
    const index = indexGraph(early.graph)
    const pool = early.graph.nodes.find(({ opType }) => opType === 'MaxPool')
    expect(index.producer(pool?.inputs[0] ?? '')?.opType).toBe('QuantizeLinear')
    expect(index.consumers(pool?.outputs[0] ?? '').map(({ opType }) => opType)).toEqual(['ConvInteger', 'ConvInteger'])
    verifyGraph(early)
    // MaxPool of integers came with opset 12.
    const { model: late } = await apply(pooled(11), STATIC, withRanges(POOLED_RANGES))
    const lateIndex = indexGraph(late.graph)
    expect(lateIndex.consumers('p').map(({ opType }) => opType)).toEqual(['QuantizeLinear'])
    for (const optimization of ['disabled', 'all'] as const) {
      const [a, b] = [await runModel(early, feeds, optimization), await runModel(late, feeds, optimization)]
      expect(numbersOf(a, 'y')).toEqual(numbersOf(b, 'y'))
    }
  })

  it.each(['r', 'p'])('stay where they are when somebody else reads "%s"', async (name) => {
    const { model } = await apply(pooled(17, [name]), STATIC, withRanges(POOLED_RANGES))
    expect(
      indexGraph(model.graph)
        .consumers('p')
        .map(({ opType }) => opType),
    ).toEqual(['QuantizeLinear'])
  })
})

describe('ranges', () => {
  const model = pooled(17)
  const dims = [1, 4, 8, 8]
  const calibration = samplesOf(dims, random(256, 1), random(256, 2))

  it('are measured on the samples, returned, and give the same bytes without data', async () => {
    const measured = await apply(model, STATIC, testContext({ calibration }))
    expect(measured.calibration).toMatchObject({ source: 'test', indices: [0, 1] })
    const ranges = measured.calibration?.ranges ?? {}
    expect(Object.keys(ranges)).toEqual(['x', 'p'])
    const all = [...random(256, 1), ...random(256, 2)]
    expect(ranges['x']).toEqual([Math.min(...all), Math.max(...all)])
    expect(measured.notes.map(({ text }) => text).join()).toMatch(/2 samples only/)
    const again = await apply(model, STATIC, withRanges(ranges))
    expect(again.calibration).toBeUndefined()
    expect(bytesOf(again)).toEqual(bytesOf(measured))
  })

  it('follow the method of calibration', async () => {
    const rangeBy = async (calibrationMethod: DynamicOptions['calibrationMethod']) => {
      const options = { ...STATIC, calibrationMethod, percentile: 90 }
      return (await apply(model, options, testContext({ calibration }))).calibration?.ranges['x'] ?? [NaN, NaN]
    }
    const [full, cut] = [await rangeBy('min-max'), await rangeBy('percentile')]
    expect(cut[0]).toBeGreaterThan(full[0])
    expect(cut[1]).toBeLessThan(full[1])
  })

  it('are asked for where nobody has them, and the value that a recipe lacks is named', async () => {
    await expect(apply(model, STATIC, testContext())).rejects.toThrowError(
      expect.objectContaining({ code: 'recipe/needs-calibration', message: expect.stringMatching(/while the model/) }),
    )
    await expect(apply(model, STATIC, withRanges({ x: [-1, 1] }))).rejects.toThrowError(
      expect.objectContaining({ code: 'recipe/needs-calibration', details: { tensor: 'p' } }),
    )
    await expect(apply(model, STATIC, withRanges({ ...POOLED_RANGES, x: [0, Infinity] }))).rejects.toThrowError(
      expect.objectContaining({ code: 'data/invalid', details: { tensor: 'x' } }),
    )
  })

  it('are no business of a recipe with dynamic ones, or with the layout of the toolkit, which says so', async () => {
    const need = (options: Partial<DynamicOptions>) => dataNeed(spec, parseOptions(spec.options, options, 'options'))
    expect(need({})).toBe('nothing')
    expect(need({ activationRanges: 'static' })).toBe('ranges')
    expect(need({ activationRanges: 'static', layout: 'reference' })).toBe('nothing')
    const asToolkit = await apply(model, { ...STATIC, layout: 'reference' }, testContext())
    expect(asToolkit.notes).toContainEqual(expect.objectContaining({ kind: 'warning' }))
    const plain = await apply(model, { ...DYNAMIC, layout: 'reference' }, testContext())
    expect(bytesOf(asToolkit)).toEqual(bytesOf(plain))
  })

  it('stop at a cancel while they are measured, and report progress that rises to 1', async () => {
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    const checkpoint = () => Promise.reject(cancelled)
    await expect(apply(model, STATIC, testContext({ calibration, checkpoint }))).rejects.toBe(cancelled)
    const fractions: number[] = []
    await apply(model, STATIC, testContext({ calibration, progress: (fraction) => void fractions.push(fraction) }))
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(fractions.at(-1)).toBe(1)
  })
})

describe('what has no static form', () => {
  it('stays dynamic inside the bodies of If, with a note', async () => {
    const branch = (name: string) => ({
      kind: 'graph' as const,
      value: buildGraph({ name, outputs: { [name]: ['float32'] }, nodes: [node('MatMul', ['x', 'w'], [name])] }),
    })
    const model = buildModel({
      inputs: { c: ['bool', []], x: ['float32', [4, 32]] },
      outputs: { y: ['float32'], z: ['float32'] },
      initializers: { w: tensor('float32', [32, 8], random(256, 1)) },
      nodes: [
        node('If', ['c'], ['y'], { then_branch: branch('t'), else_branch: branch('e') }),
        node('MatMul', ['x', 'w'], ['z']),
      ],
    })
    const { model: made, notes } = await apply(model, STATIC, withRanges({ x: [-3, 3] }))
    verifyGraph(made)
    expect(opTypes(made)).toContain('QuantizeLinear')
    expect(
      notes.filter(({ text }) => /measured while the model runs/.test(text)).map(({ subject }) => subject),
    ).toEqual(['t', 'e'])
  })

  it('stays dynamic in an LSTM, with a note, and needs no data', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [5, 2, 3]] },
      outputs: { y: ['float32'] },
      initializers: {
        w: tensor('float32', [1, 16, 3], random(48, 1)),
        r: tensor('float32', [1, 16, 4], random(64, 2)),
      },
      nodes: [node('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 4 })],
    })
    const result = await apply(model, STATIC, testContext())
    expect(opTypes(result.model)).toEqual(['DynamicQuantizeLSTM'])
    expect(result.notes[0]?.text).toMatch(/measured while the model runs/)
  })
})

describe.each(SMALL_MODELS)('static ranges on $name', ({ name, model, feeds }) => {
  it('give a sound model that answers like the original and that a second run leaves alone', async () => {
    const calibration = { source: name, size: 4, sample: (index: number) => Promise.resolve(feeds(index)) }
    const result = await apply(model, STATIC, testContext({ calibration }))
    verifyGraph(result.model)
    verifyInterface(model, result.model)
    const ranges = result.calibration?.ranges
    const again = await apply(result.model, STATIC, testContext(ranges && { ranges }))
    expect(again.model).toBe(result.model)
    const truth = await runModel(model, feeds(0), 'disabled')
    for (const optimization of ['disabled', 'all'] as const) {
      const got = await runModel(result.model, feeds(0), optimization)
      for (const [output, { dtype }] of Object.entries(truth)) {
        if (dtype !== 'float32') continue
        const { sqnrDb } = measureError(numbersOf(truth, output), numbersOf(got, output))
        expect(sqnrDb, `${output}, ${optimization}`).toBeGreaterThan(MIN_SQNR_DB)
      }
    }
  })
})
