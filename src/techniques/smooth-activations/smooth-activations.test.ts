import { describe, expect, test } from 'vitest'

import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { tensorBytes, viewAs } from '../../core/model/tensor'
import { measureError } from '../../core/numeric/error-metrics'
import { seededRng } from '../../core/numeric/rng'
import { defaultOptions } from '../../core/options/parse-options'
import type { CalibrationData } from '../../core/pass/pass-context'
import { buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { apply } from './apply'
import { referenceSmooth } from './reference'
import { mostEven, smoothScales } from './smooth-scales'
import { spec, type SmoothOptions } from './spec'
import { opTypes } from '../../../tests/fixtures/op-types'

const K = 6
/** Channel 2 is a hundred times larger. */
const spread = Array.from({ length: K }, (_, j) => (j === 2 ? 100 : 1))

const samples = (dims: readonly number[], seed = 0): CalibrationData => ({
  source: 'test',
  size: 4,
  sample: (index) => {
    const rng = seededRng(seed + index + 1)
    const inner = dims.length === 4 ? (dims[2] ?? 1) * (dims[3] ?? 1) : 1
    const count = dims.reduce((product, dim) => product * dim, 1)
    const values = Array.from({ length: count }, (_, i) => rng.normal() * (spread[Math.floor(i / inner) % K] ?? 1))
    return Promise.resolve({ x: floats(dims, values) })
  },
})

const random = (dims: readonly number[], seed: number) => {
  const rng = seededRng(seed)
  const count = dims.reduce((product, dim) => product * dim, 1)
  return tensor(
    'float32',
    dims,
    Array.from({ length: count }, () => rng.normal()),
  )
}

const smooth = (model: Model, data: CalibrationData, options: Partial<SmoothOptions> = {}) =>
  apply(model, { ...defaultOptions(spec.options), ...options }, testContext({ calibration: data }))

const numbers = ({ graph }: Model, name: string): number[] => {
  const found = graph.initializers.get(name)
  return found ? Array.from(viewAs(tensorBytes(found), Float32Array)) : []
}

async function expectSameAnswers(before: Model, after: Model, data: CalibrationData): Promise<void> {
  const feeds = await data.sample(0)
  const [truth, actual] = [await runModel(before, feeds), await runModel(after, feeds)]
  for (const name of Object.keys(truth)) {
    expect(measureError(numbersOf(truth, name), numbersOf(actual, name)).sqnrDb).toBeGreaterThan(95)
  }
}

describe('the numbers of conformance test C36', () => {
  const x = [
    [1, -16],
    [0.5, 8],
  ]
  const w = [
    [0.5, -1],
    [0.25, 0.1],
  ]

  test('come out of the formula', () => {
    const smoothed = referenceSmooth(x, w, 0.5)
    expect(smoothed.s).toEqual([1, 8])
    expect(smoothed.x).toEqual([
      [1, -2],
      [0.5, 1],
    ])
    expect(smoothed.w).toEqual([
      [0.5, -1],
      [2, 0.8],
    ])
  })

  test('come out of the technique, and the product stays to the bit', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [2, 2]] },
      outputs: { y: ['float32', [2, 2]] },
      initializers: { w: tensor('float32', [2, 2], w.flat()) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const feeds = { x: floats([2, 2], x.flat()) }
    const { model: smoothed } = await smooth(model, { source: 'C36', size: 1, sample: () => Promise.resolve(feeds) })
    expect(opTypes(smoothed)).toEqual(['Div', 'MatMul'])
    expect(numbers(smoothed, 'x_smooth_factors')).toEqual([1, 8])
    expect(numbers(smoothed, 'w')).toEqual([0.5, -1, 2, 0.8].map(Math.fround))
    expect(numbersOf(await runModel(smoothed, feeds), 'y')).toEqual(numbersOf(await runModel(model, feeds), 'y'))
  })
})

test('the share decides who is even afterwards, and silent channels stay', () => {
  const [x, w] = [Float64Array.of(16, 2, 0), Float64Array.of(0.25, 4, 3)]
  expect([...smoothScales(x, w, 1)]).toEqual([16, 2, 1])
  expect([...smoothScales(x, w, 0)]).toEqual([4, 0.25, 1])
  expect([...smoothScales(x, w, 0.5)]).toEqual([8, Math.SQRT1_2, 1].map((s) => expect.closeTo(s, 12)))
})

test('layers with one input take the factors that are closest to each other', () => {
  const even = Float64Array.of(2, 3)
  expect(mostEven([Float64Array.of(1, 9), even, Float64Array.of(0.1, 4)])).toBe(even)
})

const DIMS = [1, 5, K]
const chain = (parts: Partial<ModelParts>): Model =>
  buildModel({
    inputs: { x: ['float32', DIMS] },
    outputs: { y: ['float32'] },
    nodes: [],
    ...parts,
    initializers: {
      w: random([K, 4], 1),
      v: random([K, 3], 2),
      g: random([K], 3),
      b: random([K], 4),
      ...parts.initializers,
    },
  })

describe('the division goes into what makes the value', () => {
  test.each([
    ['LayerNormalization', [node('LayerNormalization', ['x', 'g', 'b'], ['h'], { axis: -1 })]],
    ['Mul by a constant', [node('Mul', ['x', 'g'], ['h'])]],
    ['Mul by one number', [node('Mul', ['half', 'x'], ['h'])]],
    [
      'MatMul, addition and Relu',
      [node('MatMul', ['x', 'q'], ['m']), node('Add', ['b', 'm'], ['a']), node('Relu', ['a'], ['h'])],
    ],
  ])('%s', async (_, nodes) => {
    const model = chain({
      initializers: { q: random([K, K], 5), half: tensor('float32', [], [0.5]) },
      nodes: [...nodes, node('MatMul', ['h', 'w'], ['y'])],
    })
    const { model: smoothed } = await smooth(model, samples(DIMS), { onlyFolded: true })
    expect(opTypes(smoothed)).toEqual(opTypes(model))
    expect(numbers(smoothed, 'w')).not.toEqual(numbers(model, 'w'))
    await expectSameAnswers(model, smoothed, samples(DIMS))
  })

  test('Gemm with alpha, beta and a bias for all columns', async () => {
    const dims = [5, K]
    const model = chain({
      inputs: { x: ['float32', dims] },
      initializers: { q: random([K, K], 5), one: tensor('float32', [1], [0.7]) },
      nodes: [
        node('Gemm', ['x', 'q', 'one'], ['h'], { transB: 1, alpha: float(0.5), beta: float(3) }),
        node('Gemm', ['h', 'w'], ['y'], { alpha: float(2) }),
      ],
    })
    const { model: smoothed } = await smooth(model, samples(dims))
    expect(opTypes(smoothed)).toEqual(['Div', 'Gemm', 'Gemm'])
    await expectSameAnswers(model, smoothed, samples(dims))
  })

  test('of convolutions, when they are wanted', async () => {
    const dims = [1, K, 4, 4]
    const model = chain({
      inputs: { x: ['float32', dims] },
      initializers: { c: random([K, K, 1, 1], 6), d: random([4, 3, 3, 3], 7), k: random([K, 1, 1], 8) },
      nodes: [
        node('Conv', ['x', 'c', 'b'], ['h']),
        node('Mul', ['h', 'k'], ['m']),
        node('Conv', ['m', 'd'], ['y'], { group: 2, pads: [1, 1, 1, 1] }),
      ],
    })
    expect((await smooth(model, samples(dims))).model).toBe(model)
    const { model: smoothed } = await smooth(model, samples(dims), { convolutions: true, onlyFolded: true })
    expect(opTypes(smoothed)).toEqual(opTypes(model))
    expect(numbers(smoothed, 'd')).not.toEqual(numbers(model, 'd'))
    await expectSameAnswers(model, smoothed, samples(dims))
  })
})

describe('where that is impossible', () => {
  const residual = chain({
    outputs: { y: ['float32'], z: ['float32'], r: ['float32'] },
    nodes: [
      node('Mul', ['x', 'g'], ['h']),
      node('MatMul', ['h', 'w'], ['y']),
      node('MatMul', ['h', 'v'], ['z']),
      node('Add', ['h', 'x'], ['r']),
    ],
  })

  test('one Div serves all layers that read the value, and nobody else sees it', async () => {
    const { model: smoothed, notes } = await smooth(residual, samples(DIMS))
    expect(opTypes(smoothed).filter((opType) => opType === 'Div')).toHaveLength(1)
    await expectSameAnswers(residual, smoothed, samples(DIMS))
    expect(notes.map(({ text }) => text).join('\n')).toMatch(/y, z read are divided by the new Div/)
  })

  test('nothing is done when it may cost nothing', async () => {
    const { model, notes } = await smooth(residual, samples(DIMS), { onlyFolded: true })
    expect(model).toBe(residual)
    expect(notes.map(({ text }) => text).join('\n')).toMatch(/nothing before it can take the factors in/)
  })

  test('a Mul along another axis is left alone', async () => {
    const dims = [1, K, K]
    const model = chain({
      inputs: { x: ['float32', dims] },
      initializers: { k: random([K, 1], 9) },
      nodes: [node('Mul', ['x', 'k'], ['h']), node('MatMul', ['h', 'w'], ['y'])],
    })
    const { model: smoothed } = await smooth(model, samples(dims))
    expect(opTypes(smoothed)).toEqual(['Mul', 'Div', 'MatMul'])
    await expectSameAnswers(model, smoothed, samples(dims))
  })
})

test('a searched share is the one of the grid that leaves the least error in the product', async () => {
  const model = chain({ nodes: [node('MatMul', ['x', 'w'], ['y'])] })
  const data = samples(DIMS)
  /** Rounded as the search does: uint8 with one scale, int8 with one per column. */
  const errorOf = async (smoothed: Model): Promise<number> => {
    const factors = numbers(smoothed, 'x_smooth_factors')
    const inputs: number[][] = []
    for (let index = 0; index < data.size; index++) {
      const x = numbersOf(await data.sample(index), 'x')
      for (let row = 0; row < 5; row++) inputs.push(x.slice(row * K, row * K + K))
    }
    const divided = inputs.map((row) => row.map((value, j) => value / (factors[j] ?? NaN)))
    const [low, high] = [Math.min(...divided.flat()), Math.max(...divided.flat())]
    const step = (high - low) / 255
    const weights = numbers(smoothed, 'w')
    const columns = [0, 1, 2, 3].map((n) => weights.filter((_, i) => i % 4 === n))
    let error = 0
    for (const row of divided) {
      for (const column of columns) {
        const unit = Math.max(...column.map(Math.abs)) / 127
        const exact = row.reduce((sum, value, j) => sum + value * (column[j] ?? NaN), 0)
        const rounded = row.reduce(
          (sum, value, j) => sum + Math.round(value / step) * step * Math.round((column[j] ?? NaN) / unit) * unit,
          0,
        )
        error += (exact - rounded) ** 2
      }
    }
    return error
  }
  const fixed: number[] = []
  for (const alpha of [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]) {
    fixed.push(await errorOf((await smooth(model, data, { alpha })).model))
  }
  const { model: searched } = await smooth(model, data, { searchAlpha: true })
  expect(await errorOf(searched)).toBeLessThan(1.05 * Math.min(...fixed))
  expect(Math.max(...fixed)).toBeGreaterThan(1.1 * Math.min(...fixed))
})

test('it needs samples, whatever ranges there are', () =>
  expect(
    apply(
      chain({ nodes: [node('MatMul', ['x', 'w'], ['y'])] }),
      defaultOptions(spec.options),
      testContext({ ranges: {} }),
    ),
  ).rejects.toMatchObject({ code: 'recipe/needs-calibration' }))
