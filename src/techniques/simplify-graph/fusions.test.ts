import { describe, expect, test } from 'vitest'

import { verifyGraph } from '../../core/model/verify-graph'
import type { NamedValues, TensorValue } from '../../core/pass/tensor-value'
import { buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { chain, exactly, ints, noise, simplify, uniform, weight } from '../../../tests/fixtures/simplify-model'
import { opTypes } from '../../../tests/fixtures/op-types'

/** Both zeros, infinities, subnormals, and numbers on and beside the bounds of the tests. */
const EDGES = [
  NaN,
  0,
  -0,
  1e-45,
  -1e-45,
  1e-39,
  6,
  6.0000005,
  5.9999995,
  -1,
  3,
  1e38,
  -1e38,
  Infinity,
  -Infinity,
  0.1,
  7,
]
const edges = floats([EDGES.length], EDGES)

describe('fusions give the same bits', () => {
  const CHAINS: Readonly<
    Record<string, readonly [ModelParts['nodes'], ModelParts['initializers'], readonly string[]]>
  > = {
    'Relu before Clip': [
      [node('Relu', ['x'], ['r']), node('Clip', ['r', 'low', 'high'], ['y'])],
      { low: tensor('float32', [], [-1]), high: tensor('float32', [], [6]) },
      ['Clip'],
    ],
    'Clip before Relu': [
      [node('Clip', ['x', '', 'high'], ['c']), node('Relu', ['c'], ['y'])],
      { high: tensor('float32', [], [6]) },
      ['Clip'],
    ],
    'Clip to negative numbers before Relu': [
      [node('Clip', ['x', 'low', 'high'], ['c']), node('Relu', ['c'], ['y'])],
      { low: tensor('float32', [], [-3]), high: tensor('float32', [], [-1]) },
      ['Clip', 'Relu'],
    ],
    'Clip before Clip': [
      [node('Clip', ['x', 'a', 'b'], ['c']), node('Clip', ['c', 'd', 'e'], ['y'])],
      {
        a: tensor('float32', [], [-1]),
        b: tensor('float32', [], [6]),
        d: tensor('float32', [], [3]),
        e: tensor('float32', [], [7]),
      },
      ['Clip'],
    ],
    'Clip to other sides': [
      [node('Clip', ['x', '', 'b'], ['c']), node('Clip', ['c', 'd'], ['y'])],
      { b: tensor('float32', [], [-1]), d: tensor('float32', [], [3]) },
      ['Clip', 'Clip'],
    ],
    'Relu before Relu': [[node('Relu', ['x'], ['r']), node('Relu', ['r'], ['y'])], {}, ['Relu']],
    'three in a row': [
      [node('Relu', ['x'], ['r']), node('Clip', ['r', '', 'high'], ['c']), node('Relu', ['c'], ['y'])],
      { high: tensor('float32', [], [6]) },
      ['Clip'],
    ],
    'Div by powers of two': [
      [node('Div', ['x', 'd'], ['y'])],
      { d: tensor('float32', [4, 1], [8, -0.5, 2 ** 126, 2 ** -126]) },
      ['Mul'],
    ],
  }
  test.each(Object.entries(CHAINS))('%s', async (_, [nodes, initializers, left]) => {
    const model = await exactly(chain([EDGES.length], nodes, initializers), { x: edges })
    expect(opTypes(model)).toEqual(left)
  })

  test('layouts in a row', async () => {
    const nodes = [
      node('Transpose', ['x'], ['t'], { perm: [1, 2, 0] }),
      node('Transpose', ['t'], ['u'], { perm: [0, 2, 1] }),
      node('Flatten', ['u'], ['f']),
      node('Unsqueeze', ['f', 'one'], ['g']),
      node('Reshape', ['g', 'shape'], ['y']),
    ]
    const model = await exactly(chain([2, 3, 4], nodes, { one: ints(1), shape: ints(4, -1) }), { x: noise(1, 2, 3, 4) })
    expect(opTypes(model)).toEqual(['Transpose', 'Reshape'])
  })

  test('pairs that cancel out, whoever makes their input and whoever reads their output', async () => {
    const nodes = [
      node('Relu', ['x'], ['r']),
      node('Transpose', ['r'], ['t']),
      node('Transpose', ['t'], ['u']),
      node('Unsqueeze', ['u', 'axes'], ['w']),
      node('Squeeze', ['w', 'axes'], ['v']),
      node('Abs', ['v'], ['a']),
      node('Squeeze', ['a', 'second'], ['s']),
      node('Unsqueeze', ['s', 'second'], ['y']),
    ]
    const initializers = { axes: ints(0, -1), second: ints(1) }
    const model = await exactly(chain([3, 1, 2], nodes, initializers), { x: noise(2, 3, 1, 2) })
    expect(opTypes(model)).toEqual(['Relu', 'Abs'])
  })

  test('Slice, Pad, Expand and Reshape that do nothing', async () => {
    const nodes = [
      node('Slice', ['x', 'zero', 'end', 'zero', 'one'], ['a']),
      node('Slice', ['a', 'zeros', 'ends'], ['b']),
      node('Pad', ['b', 'pads'], ['c']),
      node('Expand', ['c', 'ones'], ['d']),
      node('Reshape', ['d', 'shape'], ['e']),
      node('Neg', ['e'], ['y']),
    ]
    const initializers = {
      zero: ints(0),
      one: ints(1),
      end: tensor('int64', [1], [2 ** 40]),
      zeros: ints(0, 0),
      ends: ints(2, 3),
      pads: ints(0, 0, 0, 0),
      ones: ints(1, 3),
      shape: ints(0, -1),
    }
    const model = await exactly(chain([2, 3], nodes, initializers), { x: noise(3, 2, 3) })
    expect(opTypes(model)).toEqual(['Neg'])
    expect(model.graph.initializers.size).toBe(0)
  })
})

/** Rounding error of a sum of k products in any order (Higham 2002), twice: 2 (k + 1) u Σ|a||b|. */
function expectSameSums(before: NamedValues, after: NamedValues, magnitudes: NamedValues, k: number): void {
  const [expected, got, sums] = [numbersOf(before, 'y'), numbersOf(after, 'y'), numbersOf(magnitudes, 'y')]
  expected.forEach((value, i) => {
    expect(Math.abs(value - (got[i] ?? NaN))).toBeLessThanOrEqual(2 * (k + 1) * 2 ** -24 * (sums[i] ?? 0))
  })
}

const magnitude = (value: TensorValue): TensorValue => floats(value.dims, numbersOf({ value }, 'value').map(Math.abs))

test('transposed operands of Gemm become attributes; the sums differ in rounding at most', async () => {
  const model = buildModel({
    inputs: { x: ['float32', [300, 5]], v: ['float32', [300, 7]] },
    outputs: { y: ['float32', [5, 7]] },
    initializers: { c: tensor('float32', [7], uniform(5, 7).map(Math.abs)) },
    nodes: [
      node('Transpose', ['x'], ['t'], { perm: [1, 0] }),
      node('Transpose', ['v'], ['u']),
      node('Gemm', ['t', 'u', 'c'], ['y'], { transB: 1 }),
    ],
  })
  const { model: simple } = await simplify(model)
  verifyGraph(simple)
  expect(simple.graph.nodes).toMatchObject([{ opType: 'Gemm', inputs: ['x', 'v', 'c'] }])
  const feeds = { x: noise(6, 300, 5), v: noise(7, 300, 7) }
  const sums = { x: magnitude(feeds.x), v: magnitude(feeds.v) }
  const [before, after, bound] = [
    await runModel(model, feeds, 'disabled'),
    await runModel(simple, feeds, 'disabled'),
    await runModel(model, sums, 'disabled'),
  ]
  expectSameSums(before, after, bound, 300)
})

describe('MatMul and Add', () => {
  const parts = (k: number, values: (numbers: number[]) => number[] = (numbers) => numbers): ModelParts =>
    chain([9, k], [node('MatMul', ['x', 'w'], ['p']), node('Add', ['b', 'p'], ['y'])], {
      w: tensor('float32', [k, 11], values(uniform(8, k, 11))),
      b: tensor('float32', [11], values(uniform(9, 11))),
    })

  test.each([1, 7, 64, 255, 256])('are one Gemm, with the same bits for %i products a sum', async (k) => {
    const model = await exactly(parts(k), { x: noise(k, 9, k) })
    expect(opTypes(model)).toEqual(['Gemm'])
  })

  test.each([257, 1000, 4096])('for %i products a sum the difference is rounding', async (k) => {
    const model = buildModel(parts(k))
    const { model: simple } = await simplify(model)
    expect(opTypes(simple)).toEqual(['Gemm'])
    const x = noise(k, 9, k)
    const before = await runModel(model, { x }, 'disabled')
    const after = await runModel(simple, { x }, 'disabled')
    const sums = buildModel(parts(k, (numbers) => numbers.map(Math.abs)))
    expectSameSums(before, after, await runModel(sums, { x: magnitude(x) }, 'disabled'), k)
  })

  const STAYS: Readonly<Record<string, ModelParts>> = {
    'the bias is a matrix': chain([2, 3], [node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['y'])], {
      w: weight(1, 3, 4),
      b: weight(2, 2, 4),
    }),
    'the bias is a scalar': chain([2, 3], [node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['y'])], {
      w: weight(1, 3, 4),
      b: weight(2),
    }),
    'the product is a stack of matrices': chain(
      [2, 2, 3],
      [node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['y'])],
      { w: weight(1, 3, 4), b: weight(2, 4) },
    ),
    'the product has another reader': chain(
      [2, 3],
      [node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['q']), node('Mul', ['p', 'q'], ['y'])],
      { w: weight(1, 3, 4), b: weight(2, 4) },
    ),
  }
  test.each(Object.entries(STAYS))('stay apart where %s', async (_, given) => {
    const shape = given.inputs?.['x']?.[1] as number[]
    const model = await exactly(given, { x: noise(4, ...shape) })
    expect(opTypes(model).slice(0, 2)).toEqual(['MatMul', 'Add'])
  })
})
