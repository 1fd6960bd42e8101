import { describe, expect, test } from 'vitest'

import type { Model } from '../../core/model/model'
import type { Tensor } from '../../core/model/tensor'
import type { NamedValues } from '../../core/pass/tensor-value'
import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { chain, exactly, noise, simplify, weight } from '../../../tests/fixtures/simplify-model'
import { opTypes } from '../../../tests/fixtures/op-types'

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

  test('large weights that differ in their last byte only stay apart, whatever lies between', async () => {
    const numbers = (last: number): Tensor => tensor('uint8', [20001], new Uint8Array(20001).fill(7).with(20000, last))
    const initializers = { a: numbers(1), b: numbers(2), c: numbers(1), d: numbers(1) }
    const nodes = [
      ...['a', 'b', 'c', 'd'].map((name) => node('Cast', [name], [`${name}_f`], { to: 1 })),
      node('Sum', ['x', 'a_f', 'b_f', 'c_f', 'd_f'], ['y']),
    ]
    const model = await exactly(chain([1], nodes, initializers), { x: noise(1, 1) })
    expect([...model.graph.initializers.keys()]).toEqual(['a', 'b'])
    expect(opTypes(model)).toEqual(['Cast', 'Cast', 'Sum'])
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
