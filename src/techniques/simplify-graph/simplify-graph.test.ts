import { describe, expect, test } from 'vitest'

import type { Model } from '../../core/model/model'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { seededRng } from '../../core/numeric/rng'
import { defaultOptions } from '../../core/options/parse-options'
import type { NamedValues, TensorValue } from '../../core/pass/tensor-value'
import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { apply } from './apply'
import { spec } from './spec'

const DEFAULTS = defaultOptions(spec.options)
const simplify = (model: Model, options: Partial<typeof DEFAULTS> = {}) =>
  apply(model, { ...DEFAULTS, ...options }, testContext())

const uniform = (seed: number, ...dims: readonly number[]): number[] => {
  const rng = seededRng(seed)
  return Array.from({ length: dims.reduce((product, dim) => product * dim, 1) }, () => 2 * rng.next() - 1)
}
const noise = (seed: number, ...dims: readonly number[]): TensorValue => floats(dims, uniform(seed, ...dims))
const weight = (seed: number, ...dims: readonly number[]) => tensor('float32', dims, uniform(seed, ...dims))
const ints = (...values: readonly number[]) => tensor('int64', [values.length], values)
const opTypes = ({ graph }: Model): string[] => graph.nodes.map(({ opType }) => opType)

/** The bits of every output. */
const bitsOf = (values: NamedValues): string[] =>
  Object.entries(values).map(([name, { dtype, dims, data }]) => {
    if (!ArrayBuffer.isView(data)) throw new Error(`"${name}" holds strings.`)
    const bits = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
    return `${name} ${dtype} ${dims.join()} ${bits}`
  })

/** Simplifies, and holds the result to the same bits with the engine's own optimizations off. */
async function exactly(parts: ModelParts, feeds: NamedValues, options: Partial<typeof DEFAULTS> = {}): Promise<Model> {
  const model = buildModel(parts)
  const { model: simple } = await simplify(model, options)
  verifyGraph(simple)
  verifyInterface(model, simple)
  expect(bitsOf(await runModel(simple, feeds, 'disabled'))).toEqual(bitsOf(await runModel(model, feeds, 'disabled')))
  expect((await simplify(simple, options)).model).toBe(simple)
  return simple
}

/** `x` → nodes → `y`. */
const chain = (
  shape: readonly number[],
  nodes: ModelParts['nodes'],
  initializers: ModelParts['initializers'] = {},
) => ({
  inputs: { x: ['float32', shape] as const },
  outputs: { y: ['float32'] as const },
  initializers,
  nodes,
})

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
  const [expected, got, sums] = [before, after, magnitudes].map((values) => numbersOf(values, 'y')) as [
    number[],
    number[],
    number[],
  ]
  expected.forEach((value, i) => {
    expect(Math.abs(value - (got[i] ?? NaN))).toBeLessThanOrEqual(2 * (k + 1) * 2 ** -24 * (sums[i] ?? 0))
  })
}

const magnitude = ({ dims, data }: TensorValue): TensorValue =>
  floats(
    dims,
    Array.from(data, (value) => Math.abs(Number(value))),
  )

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

describe('duplicates', () => {
  test('weights with the same bytes are stored once, and operators on them computed once', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('MatMul', ['x', 'v'], ['b']),
      node('Sub', ['a', 'b'], ['c']),
      node('Sub', ['b', 'a'], ['d']),
      node('Add', ['c', 'd'], ['y']),
    ]
    const model = await exactly(chain([2, 3], nodes, { w: weight(1, 3, 4), v: weight(1, 3, 4) }), { x: noise(1, 2, 3) })
    expect(opTypes(model)).toEqual(['MatMul', 'Sub', 'Add'])
    expect([...model.graph.initializers.keys()]).toEqual(['w'])
  })

  test('weights of other sizes, types or signs of zero stay apart', async () => {
    const initializers = {
      a: tensor('float32', [2], [0, 1]),
      b: tensor('float32', [2], [-0, 1]),
      c: tensor('float32', [1, 2], [0, 1]),
      d: tensor('uint32', [2], [0, 0x3f800000]),
      e: tensor('float32', [2], [0, 1]),
    }
    const nodes = [
      node('Sum', ['x', 'a', 'b', 'c', 'e'], ['s']),
      node('Cast', ['d'], ['f'], { to: 1 }),
      node('Add', ['s', 'f'], ['y']),
    ]
    const model = await exactly(chain([2], nodes, initializers), { x: noise(1, 2) })
    expect([...model.graph.initializers.keys()]).toEqual(['a', 'b', 'c', 'd'])
  })

  test('an operator that makes an output stands for its like, and two outputs keep an operator each', async () => {
    const model = await exactly(
      {
        inputs: { x: ['float32', [2]] },
        outputs: { y: ['float32', [2]], z: ['float32', [2]], q: ['float32', [2]] },
        nodes: [
          node('Exp', ['x'], ['inner']),
          node('Neg', ['inner'], ['q']),
          node('Exp', ['x'], ['y']),
          node('Exp', ['x'], ['z']),
        ],
      },
      { x: noise(1, 2) },
    )
    expect(model.graph.nodes.map(({ inputs, outputs }) => [...inputs, ...outputs])).toEqual([
      ['x', 'y'],
      ['y', 'q'],
      ['x', 'z'],
    ])
  })

  test('attributes, random operators and quantizing operators keep operators apart', async () => {
    const quantized = ['x', 'scale', 'zero']
    const model = buildModel({
      inputs: { x: ['float32', [4]] },
      outputs: { y: ['float32'] },
      initializers: { scale: tensor('float32', [], [0.5]), zero: tensor('uint8', [], [0]) },
      nodes: [
        node('Softmax', ['x'], ['a'], { axis: 0 }),
        node('Softmax', ['x'], ['b'], { axis: -1 }),
        node('RandomNormalLike', ['x'], ['c']),
        node('RandomNormalLike', ['x'], ['d']),
        node('QuantizeLinear', quantized, ['e']),
        node('QuantizeLinear', quantized, ['f']),
        node('DequantizeLinear', ['e', 'scale', 'zero'], ['g']),
        node('DequantizeLinear', ['f', 'scale', 'zero'], ['h']),
        node('Sum', ['a', 'b', 'c', 'd', 'g', 'h'], ['y']),
      ],
    })
    expect((await simplify(model)).model).toBe(model)
  })

  const branch = (own: string, seed: number, opType: string) =>
    buildGraph({
      name: opType,
      outputs: { made: ['float32', [2, 16]] },
      initializers: { [own]: weight(seed, 16, 16), half: tensor('float32', [], [0.3]) },
      nodes: [node('MatMul', ['x', own], ['p']), node('Mul', ['p', 'half'], ['q']), node(opType, ['q'], ['made'])],
    })
  const branches = (seeds: readonly [number, number], outer: ModelParts['initializers'] = {}): ModelParts => ({
    inputs: { x: ['float32', [2, 16]], on: ['bool', []] },
    outputs: { y: ['float32', [2, 16]] },
    initializers: outer,
    nodes: [
      node('If', ['on'], ['picked'], {
        // The same names in both branches, as exporters write them.
        then_branch: { kind: 'graph', value: branch('w', seeds[0], 'Relu') },
        else_branch: { kind: 'graph', value: branch('w', seeds[1], 'Neg') },
      }),
      ...(outer['v'] ? [node('MatMul', ['picked', 'v'], ['y'])] : [node('Exp', ['picked'], ['y'])]),
    ],
  })
  const feedsOf = (on: number): NamedValues => ({
    x: noise(3, 2, 16),
    on: { dtype: 'bool', dims: [], data: Uint8Array.of(on) },
  })
  const innerWeights = ({ graph }: Model): string[] =>
    graph.nodes.flatMap((one) =>
      [...one.attributes.values()].flatMap((attribute) =>
        attribute.kind === 'graph' ? [...attribute.value.initializers.keys()] : [],
      ),
    )

  test.each([0, 1])(
    'equal weights of two branches move to the graph around them, small ones do not (%i)',
    async (on) => {
      const model = await exactly(branches([5, 5]), feedsOf(on))
      expect([...model.graph.initializers.keys()]).toEqual(['w_1'])
      expect(innerWeights(model)).toEqual(['half', 'half'])
    },
  )

  test.each([0, 1])('a branch reads the equal weight of the graph around it (%i)', async (on) => {
    const model = await exactly(branches([5, 6], { v: weight(5, 16, 16) }), feedsOf(on))
    expect([...model.graph.initializers.keys()]).toEqual(['v'])
    expect(innerWeights(model)).toEqual(['half', 'w', 'half'])
  })

  test('different weights under one name in two branches stay different', async () => {
    const given = branches([5, 6])
    expect(innerWeights(await exactly(given, feedsOf(1)))).toEqual(['w', 'half', 'w', 'half'])
  })

  test('a weight that a caller may override, or that is an output, stays itself', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [2]], w: ['float32', [2]] },
      outputs: { y: ['float32', [2]], u: ['float32', [2]] },
      initializers: {
        w: tensor('float32', [2], [1, 2]),
        v: tensor('float32', [2], [1, 2]),
        u: tensor('float32', [2], [1, 2]),
      },
      nodes: [node('Sum', ['x', 'w', 'v', 'u'], ['y'])],
    })
    expect((await simplify(model)).model).toBe(model)
  })
})

describe('what nothing uses goes', () => {
  test('operators, optional results, weights, functions and opset imports', async () => {
    const own = (name: string, calls: string) => ({
      name,
      domain: 'own',
      overload: '',
      inputs: ['a'],
      outputs: ['b'],
      opsets: new Map([
        ['', 17],
        ['own', 1],
      ]),
      nodes: [calls === '' ? node('Abs', ['a'], ['b']) : node(calls, ['a'], ['b'], {}, 'own')],
    })
    const model = await exactly(
      {
        inputs: { x: ['float32', [1, 1, 4, 4]] },
        outputs: { y: ['float32'] },
        domains: { own: 1, 'com.microsoft': 1, 'ai.onnx.ml': 3 },
        functions: [own('Outer', 'Inner'), own('Inner', ''), own('Unused', 'AlsoUnused'), own('AlsoUnused', '')],
        initializers: { unused: weight(1, 100) },
        nodes: [
          node('MaxPool', ['x'], ['p', 'indices'], { kernel_shape: [2, 2] }),
          node('Gelu', ['p'], ['dead'], {}, 'com.microsoft'),
          node('Outer', ['p'], ['y'], {}, 'own'),
        ],
      },
      { x: noise(1, 1, 1, 4, 4) },
    )
    expect(model.graph.nodes.map(({ outputs }) => outputs)).toEqual([['p'], ['y']])
    expect(model.graph.initializers.size).toBe(0)
    expect(model.functions.map(({ name }) => name)).toEqual(['Outer', 'Inner'])
    expect([...model.opsets.keys()]).toEqual(['', 'own'])
  })

  test('constants become weights, in bodies too, and those that are outputs stay operators', async () => {
    const value = { kind: 'tensor', value: tensor('float32', [2], [1, 2]) } as const
    const body = (name: string) =>
      buildGraph({
        outputs: { [name]: ['float32'] },
        nodes: [node('Constant', [], ['k'], { value }), node('Add', ['x', 'k'], [name])],
      })
    const model = await exactly(
      {
        inputs: { x: ['float32', [2]], on: ['bool', []] },
        outputs: { y: ['float32'], c: ['float32', [2]] },
        nodes: [
          node('Constant', [], ['c'], { value }),
          node('Constant', [], ['d'], { value_ints: [2] }),
          node('Reshape', ['x', 'd'], ['r']),
          node('If', ['on'], ['p'], {
            then_branch: { kind: 'graph', value: body('a') },
            else_branch: { kind: 'graph', value: body('b') },
          }),
          node('Add', ['p', 'r'], ['y']),
        ],
      },
      { x: noise(1, 2), on: { dtype: 'bool', dims: [], data: Uint8Array.of(1) } },
    )
    expect(opTypes(model)).toEqual(['Constant', 'If', 'Add'])
  })
})

test('options switch merging and fusing off, raise the opset and drop texts', async () => {
  const model = buildModel({
    ...chain(
      [2, 3],
      [
        node('MatMul', ['x', 'w'], ['p']),
        node('Add', ['p', 'b'], ['s']),
        node('Relu', ['s'], ['r']),
        node('Relu', ['r'], ['t']),
        node('Exp', ['t'], ['e']),
        node('Exp', ['t'], ['f']),
        node('Add', ['e', 'f'], ['y']),
      ],
      { w: weight(1, 3, 4), b: weight(2, 4) },
    ),
    metadata: { author: 'Ada' },
  })
  const off = { merge: false, fuse: false, gemm: false }
  expect((await simplify(model, off)).model).toBe(model)
  expect(opTypes((await simplify(model, { ...off, merge: true })).model)).toHaveLength(6)
  expect(opTypes((await simplify(model, { ...off, fuse: true })).model)).toHaveLength(6)
  expect(opTypes((await simplify(model, { ...off, gemm: true })).model)[0]).toBe('Gemm')
  const { model: raised, notes } = await simplify(model, { ...off, opset: 21, stripText: true })
  expect([raised.opsets.get(''), raised.metadata.size]).toEqual([21, 0])
  expect(notes[0]?.text).toBe('Raised from opset 17 to 21.')
})

test('notes say what was merged, fused and dropped', async () => {
  const nodes = [
    node('Constant', [], ['k'], { value_float: { kind: 'float', value: 0.5 } }),
    node('Relu', ['x'], ['r']),
    node('Relu', ['r'], ['s']),
    node('Mul', ['s', 'k'], ['a']),
    node('Mul', ['s', 'h'], ['b']),
    node('Neg', ['x'], ['dead']),
    node('Add', ['a', 'b'], ['y']),
  ]
  const { notes } = await simplify(buildModel(chain([2], nodes, { h: tensor('float32', [], [0.5]) })))
  expect(notes.map(({ text }) => text)).toEqual([
    'Stored as weights: 1 Constant.',
    'Merged: 1 weights, 1 operators (4 bytes of weights).',
    'Fused: 1 Relu + Relu.',
    'Dropped: 1 Neg.',
  ])
})
