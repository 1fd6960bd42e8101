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
import { referenceEqualize } from './reference'
import { spec, type EqualizeOptions } from './spec'
import { chainDivisors } from './weight-factors'

const equalize = (model: Model, options: Partial<EqualizeOptions> = {}, calibration?: CalibrationData) =>
  apply(model, { ...defaultOptions(spec.options), ...options }, testContext(calibration && { calibration }))

/** Channels of very different size along `axis`. */
function uneven(dims: readonly number[], seed: number, axis = 0) {
  const rng = seededRng(seed)
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const size = dims.reduce((product, dim) => product * dim, 1)
  const spread = Array.from({ length: dims[axis] ?? 1 }, () => 10 ** (2 * rng.next() - 1))
  const values = Array.from({ length: size }, (_, i) => {
    return (2 * rng.next() - 1) * (spread[Math.floor(i / inner) % spread.length] ?? 1)
  })
  return tensor('float32', dims, values)
}

const numbers = ({ graph }: Model, name: string): number[] => {
  const found = graph.initializers.get(name)
  return found ? Array.from(viewAs(tensorBytes(found), Float32Array)) : []
}

/** Largest magnitude of each index of an axis. */
function peaks(model: Model, name: string, axis: number): number[] {
  const dims = model.graph.initializers.get(name)?.dims ?? []
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const result = new Array<number>(dims[axis] ?? 0).fill(0)
  numbers(model, name).forEach((value, i) => {
    const channel = Math.floor(i / inner) % result.length
    result[channel] = Math.max(result[channel] ?? 0, Math.abs(value))
  })
  return result
}

async function expectSameAnswers(before: Model, after: Model, dims: readonly number[], spread = 3): Promise<void> {
  const rng = seededRng(9)
  const count = dims.reduce((product, dim) => product * dim, 1)
  const feeds = {
    x: floats(
      dims,
      Array.from({ length: count }, () => spread * rng.normal()),
    ),
  }
  const [truth, actual] = [await runModel(before, feeds), await runModel(after, feeds)]
  for (const name of Object.keys(truth)) {
    expect(measureError(numbersOf(truth, name), numbersOf(actual, name)).sqnrDb).toBeGreaterThan(100)
  }
}

const TOY = {
  first: [
    [4, -2],
    [0.1, 0.05],
  ],
  bias: [1, 0.5],
  second: [
    [0.5, 20],
    [-0.25, 10],
  ],
}

const dense = (parts: Partial<ModelParts> = {}): Model =>
  buildModel({
    inputs: { x: ['float32', [3, 2]] },
    outputs: { y: ['float32', [3, 2]] },
    initializers: {
      w1: tensor('float32', [2, 2], TOY.first.flat()),
      b1: tensor('float32', [2], TOY.bias),
      w2: tensor('float32', [2, 2], TOY.second.flat()),
    },
    nodes: [
      node('Gemm', ['x', 'w1', 'b1'], ['h'], { transB: 1 }),
      node('Relu', ['h'], ['a']),
      node('Gemm', ['a', 'w2'], ['y'], { transB: 1 }),
    ],
    ...parts,
  })

describe('the numbers of the specification', () => {
  test('come out of the formula', () => {
    const { s, first, bias, second } = referenceEqualize(TOY)
    const expectClose = (got: readonly number[], expected: readonly number[]) =>
      got.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 6))
    expectClose(s, [2.828427, 0.0707107])
    expectClose(first.flat(), [1.414214, -0.707107, 1.414214, 0.707107])
    expectClose(bias, [0.353553, 7.071068])
    expectClose(second.flat(), [1.414214, 1.414214, -0.707107, 0.707107])
  })

  test('come out of the technique', async () => {
    const { model } = await equalize(dense())
    const { first, bias, second } = referenceEqualize(TOY)
    expect(numbers(model, 'w1')).toEqual(first.flat().map(Math.fround))
    expect(numbers(model, 'b1')).toEqual(bias.map(Math.fround))
    expect(numbers(model, 'w2')).toEqual(second.flat().map(Math.fround))
  })
})

test('three layers around a depthwise one all end at the cube root of the product', () => {
  const [r1, r2, r3] = [8, 0.5, 2]
  const c = Math.cbrt(r1 * r2 * r3)
  const [s12, s23] = chainDivisors([r1, r2, r3].map((r) => Float64Array.of(r))).map(([s]) => s ?? NaN)
  expect(s12).toBeCloseTo(r1 / c, 12)
  expect(s23).toBeCloseTo(c / r3, 12)
})

test('a channel without weights on one side is left alone', () => {
  expect(chainDivisors([Float64Array.of(4, 0), Float64Array.of(1, 3)]).map((s) => [...s])).toEqual([[2, 1]])
})

const X = { x: ['float32', [2, 4, 6, 6]] } as const

describe('layers of real shapes get equal channels and keep their answers', () => {
  test.each(['Relu', 'LeakyRelu', 'Identity', 'MaxPool'])('two grouped convolutions around %s', async (opType) => {
    const attributes = opType === 'MaxPool' ? { kernel_shape: [2, 2] } : {}
    const before = buildModel({
      inputs: X,
      outputs: { y: ['float32'] },
      initializers: {
        w1: uneven([6, 2, 3, 3], 1),
        b1: uneven([6], 2),
        w2: uneven([4, 3, 3, 3], 3, 1),
        b2: uneven([4], 4),
      },
      nodes: [
        node('Conv', ['x', 'w1', 'b1'], ['h'], { group: 2, pads: [1, 1, 1, 1] }),
        node(opType, ['h'], ['a'], attributes),
        node('Conv', ['a', 'w2', 'b2'], ['y'], { group: 2, pads: [1, 1, 1, 1] }),
      ],
    })
    const { model } = await equalize(before)
    await expectSameAnswers(before, model, X.x[1])
    const outputs = peaks(model, 'w1', 0)
    // Channel i of the second layer is input i mod 3 of group ⌊i / 3⌋, whose outputs are rows 2 g and 2 g + 1.
    const second = numbers(model, 'w2')
    outputs.forEach((peak, i) => {
      const rows = [0, 1].map((row) => (2 * Math.floor(i / 3) + row) * 27 + (i % 3) * 9)
      const inputs = rows.flatMap((start) => second.slice(start, start + 9)).map(Math.abs)
      expect(Math.max(...inputs) / peak).toBeCloseTo(1, 3)
    })
    expect(numbers(model, 'b2')).toEqual(numbers(before, 'b2'))
  })

  test('a convolution, a depthwise one and a convolution, with PRelu between', async () => {
    const before = buildModel({
      inputs: X,
      outputs: { y: ['float32'] },
      initializers: {
        w1: uneven([8, 4, 1, 1], 1),
        w2: uneven([8, 1, 3, 3], 2),
        b2: uneven([8], 3),
        w3: uneven([3, 8, 1, 1], 4, 1),
        slope: uneven([8, 1, 1], 5),
      },
      nodes: [
        node('Conv', ['x', 'w1'], ['h']),
        node('PRelu', ['h', 'slope'], ['a']),
        node('Conv', ['a', 'w2', 'b2'], ['d'], { group: 8 }),
        node('Relu', ['d'], ['r']),
        node('Conv', ['r', 'w3'], ['y']),
      ],
    })
    const { model } = await equalize(before)
    await expectSameAnswers(before, model, X.x[1])
    const [first, second, third] = [peaks(model, 'w1', 0), peaks(model, 'w2', 0), peaks(model, 'w3', 1)]
    first.forEach((peak, i) => {
      expect((second[i] ?? NaN) / peak).toBeCloseTo(1, 5)
      expect((third[i] ?? NaN) / peak).toBeCloseTo(1, 5)
    })
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(before.graph.nodes.map(({ opType }) => opType))
  })

  test.each(['Flatten', 'Reshape'])('a convolution and a Gemm behind %s, whose channels repeat', async (opType) => {
    const before = buildModel({
      inputs: X,
      outputs: { y: ['float32', [2, 5]] },
      initializers: {
        w1: uneven([3, 4, 5, 5], 1),
        w2: uneven([12, 5], 2),
        b2: uneven([5], 3),
        shape: tensor('int64', [2], [2, 12]),
      },
      nodes: [
        node('Conv', ['x', 'w1'], ['h']),
        node('Relu', ['h'], ['a']),
        node(opType, opType === 'Flatten' ? ['a'] : ['a', 'shape'], ['f']),
        node('Gemm', ['f', 'w2', 'b2'], ['y'], { alpha: float(0.5), beta: float(2) }),
      ],
    })
    const { model } = await equalize(before)
    await expectSameAnswers(before, model, X.x[1])
    const inputs = peaks(model, 'w2', 0)
    peaks(model, 'w1', 0).forEach((peak, i) => {
      expect(Math.max(...inputs.slice(4 * i, 4 * i + 4)) / peak).toBeCloseTo(1, 5)
    })
  })

  test('a chain of matrix products of three axes settles', async () => {
    const dims = [2, 3, 4]
    const before = buildModel({
      inputs: { x: ['float32', dims] },
      outputs: { y: ['float32'] },
      initializers: { w1: uneven([4, 6], 1, 1), w2: uneven([6, 5], 2), w3: uneven([5, 2], 3) },
      nodes: [
        node('MatMul', ['x', 'w1'], ['h']),
        node('Relu', ['h'], ['a']),
        node('MatMul', ['a', 'w2'], ['g']),
        node('MatMul', ['g', 'w3'], ['y']),
      ],
    })
    const { model } = await equalize(before)
    await expectSameAnswers(before, model, dims)
    const ratios = peaks(model, 'w1', 1).map((peak, i) => (peaks(model, 'w2', 0)[i] ?? NaN) / peak)
    for (const ratio of ratios) expect(ratio).toBeCloseTo(1, 1)
  })
})

const clipped = (opset: number): Model =>
  buildModel({
    opset,
    inputs: X,
    outputs: { y: ['float32'] },
    initializers: {
      w1: uneven([6, 4, 1, 1], 1),
      w2: uneven([4, 6, 1, 1], 2, 1),
      ...(opset >= 11 && { zero: tensor('float32', [], [0]), six: tensor('float32', [], [6]) }),
    },
    nodes: [
      node('Conv', ['x', 'w1'], ['h']),
      opset >= 11
        ? node('Clip', ['h', 'zero', 'six'], ['a'])
        : node('Clip', ['h'], ['a'], { min: float(-1), max: float(6) }),
      node('Conv', ['a', 'w2'], ['y']),
    ],
  })

describe('a Clip between two layers', () => {
  test('keeps them apart by default, with a note', async () => {
    const before = clipped(17)
    const { model, notes } = await equalize(before)
    expect(model).toBe(before)
    expect(notes.map(({ text }) => text).join('\n')).toMatch(/a Clip behind it bounds all channels alike/)
  })

  test.each([
    [17, ['Conv', 'Relu', 'Min', 'Conv']],
    [9, ['Conv', 'Max', 'Min', 'Conv']],
  ] as const)('gets a bound per channel when told so, at opset %i', async (opset, opTypes) => {
    const before = clipped(opset)
    const { model } = await equalize(before, { limits: 'per-channel' })
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(opTypes)
    await expectSameAnswers(before, model, X.x[1])
    const inputs = peaks(model, 'w2', 1)
    peaks(model, 'w1', 0).forEach((peak, i) => expect((inputs[i] ?? NaN) / peak).toBeCloseTo(1, 5))
  })
})

describe('leaving alone', () => {
  const leaves = async (model: Model, reason: RegExp): Promise<void> => {
    const { model: after, notes } = await equalize(model)
    expect(after).toBe(model)
    expect(notes.map(({ kind, text }) => `${kind}: ${text}`).join('\n')).toMatch(reason)
  }
  test('a value that is an output of the graph', () =>
    leaves(dense({ outputs: { a: ['float32'], y: ['float32'] } }), /skipped: .*is an output of the graph/))
  test('a value with two readers', () =>
    leaves(
      dense({
        nodes: [
          node('Gemm', ['x', 'w1', 'b1'], ['h'], { transB: 1 }),
          node('Gemm', ['h', 'w2'], ['g'], { transB: 1 }),
          node('Add', ['g', 'h'], ['y']),
        ],
      }),
      /read by other operators too/,
    ))
  test('layers around a Sigmoid', () =>
    leaves(
      dense({
        nodes: [
          node('Gemm', ['x', 'w1', 'b1'], ['h'], { transB: 1 }),
          node('Sigmoid', ['h'], ['a']),
          node('Gemm', ['a', 'w2'], ['y'], { transB: 1 }),
        ],
      }),
      /Sigmoid stands between/,
    ))
})

describe('absorption of high biases', () => {
  /** Channel 0 stays near 30, channel 1 around 0. */
  const high = (pads: readonly number[]): Model =>
    buildModel({
      inputs: { x: ['float32', [1, 2, 5, 5]] },
      outputs: { y: ['float32'] },
      initializers: {
        w1: tensor('float32', [2, 2, 1, 1], [1, 0.5, -0.5, 1]),
        b1: tensor('float32', [2], [30, 0.1]),
        w2: uneven([3, 2, 3, 3], 4),
        b2: tensor('float32', [3], [1, 2, 3]),
      },
      nodes: [
        node('Conv', ['x', 'w1', 'b1'], ['h']),
        node('Relu', ['h'], ['a']),
        node('Conv', ['a', 'w2', 'b2'], ['y'], { pads }),
      ],
    })
  const samples: CalibrationData = {
    source: 'normal',
    size: 20,
    sample: (index) => {
      const rng = seededRng(index + 1)
      return Promise.resolve({
        x: floats(
          [1, 2, 5, 5],
          Array.from({ length: 50 }, () => rng.normal()),
        ),
      })
    },
  }

  test('moves what all values stay above into the next layer, and the answers stay', async () => {
    const before = high([0, 0, 0, 0])
    const plain = await equalize(before)
    const { model, notes } = await equalize(before, { absorbBias: true }, samples)
    await expectSameAnswers(before, model, [1, 2, 5, 5], 0.5)
    const [from = NaN, other] = numbers(plain.model, 'b1')
    const [to = NaN, same] = numbers(model, 'b1')
    // The spread of the channel is √1.25 beside a mean of 30: 0.89 of it goes.
    expect(to / from).toBeGreaterThan(0.08)
    expect(to / from).toBeLessThan(0.15)
    expect(same).toBe(other)
    expect(notes.map(({ text }) => text)).toContain('1 of 2 channels give a part of their bias to the next layer.')
  })

  test('is not done where the next layer pads', async () => {
    const { model, notes } = await equalize(high([1, 1, 1, 1]), { absorbBias: true }, samples)
    expect(numbers(model, 'b2')).toEqual([1, 2, 3])
    expect(notes.map(({ text }) => text).join('\n')).toMatch(/next layer pads/)
  })

  test('needs samples', () =>
    expect(equalize(high([0, 0, 0, 0]), { absorbBias: true })).rejects.toMatchObject({
      code: 'recipe/needs-calibration',
    }))
})
