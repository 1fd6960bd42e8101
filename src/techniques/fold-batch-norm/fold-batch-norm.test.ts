import { describe, expect, test } from 'vitest'

import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import {
  convNorm,
  difference,
  feed,
  fold,
  norm,
  normWeights,
  random,
  TOLERANCE,
} from '../../../tests/fixtures/fold-model'
import { floatsOf } from '../../core/model/float-values'
import { opTypes } from '../../../tests/fixtures/op-types'

describe('folding', () => {
  test.each([
    ['Conv with a bias', convNorm(), [2, 3, 5, 5]],
    [
      'Conv without a bias',
      convNorm({ nodes: [node('Conv', ['x', 'w'], ['c']), norm('c', 'y', 'bn', { epsilon: float(0.01) })] }),
      [2, 3, 5, 5],
    ],
    [
      'grouped ConvTranspose',
      convNorm({
        inputs: { x: ['float32', [1, 6, 4]] },
        outputs: { y: ['float32', [1, 6, 6]] },
        initializers: { w: random([6, 2, 3]), ...normWeights(6) },
        nodes: [node('ConvTranspose', ['x', 'w'], ['c'], { group: 3 }), norm('c', 'y')],
      }),
      [1, 6, 4],
    ],
    [
      'Gemm with alpha, beta and transB',
      convNorm({
        inputs: { x: ['float32', [3, 5]] },
        outputs: { y: ['float32', [3, 4]] },
        initializers: { w: random([4, 5]), b: random([1, 4]), ...normWeights(4) },
        nodes: [
          node('Gemm', ['x', 'w', 'b'], ['c'], { alpha: float(0.5), beta: float(0.25), transB: 1 }),
          norm('c', 'y'),
        ],
      }),
      [3, 5],
    ],
    [
      'Gemm without a bias',
      convNorm({
        inputs: { x: ['float32', [3, 5]] },
        outputs: { y: ['float32', [3, 4]] },
        initializers: { w: random([5, 4]), ...normWeights(4) },
        nodes: [node('Gemm', ['x', 'w'], ['c']), norm('c', 'y')],
      }),
      [3, 5],
    ],
    [
      'Gemm with one number as bias',
      convNorm({
        inputs: { x: ['float32', [3, 5]] },
        outputs: { y: ['float32', [3, 4]] },
        initializers: { w: random([5, 4]), b: random([]), ...normWeights(4) },
        nodes: [node('Gemm', ['x', 'w', 'b'], ['c']), norm('c', 'y')],
      }),
      [3, 5],
    ],
    [
      'MatMul of matrices',
      convNorm({
        inputs: { x: ['float32', [3, 5]] },
        outputs: { y: ['float32', [3, 4]] },
        initializers: { w: random([5, 4]), ...normWeights(4) },
        nodes: [node('MatMul', ['x', 'w'], ['c']), norm('c', 'y')],
      }),
      [3, 5],
    ],
    [
      'a chain of normalizations, scales and shifts',
      convNorm({
        initializers: {
          w: random([4, 3, 3, 3]),
          ...normWeights(4),
          ...normWeights(4, 'other'),
          scale: random([4, 1, 1], 0.5),
          shift: random([1, 4, 1, 1]),
          half: random([], 0.5),
        },
        nodes: [
          node('Conv', ['x', 'w'], ['c']),
          norm('c', 'd'),
          node('Mul', ['scale', 'd'], ['e']),
          node('Sub', ['shift', 'e'], ['f']),
          node('Div', ['f', 'half'], ['g']),
          node('Add', ['g', 'shift'], ['h']),
          norm('h', 'y', 'other'),
        ],
      }),
      [2, 3, 5, 5],
    ],
  ] as const)('%s leaves one operator and the same answers', async (_, model, dims) => {
    const { model: folded, notes } = await fold(model)
    expect(opTypes(folded)).toHaveLength(1)
    expect(folded.graph.nodes[0]?.name).toBe(model.graph.nodes[0]?.name)
    expect(notes.map(({ kind }) => kind)).toEqual(['changed'])
    expect(await difference(model, folded, { x: feed(dims) })).toBeLessThan(TOLERANCE)
  })

  test('weights of a Constant node are folded and the node goes', async () => {
    const { w, ...others } = { w: random([4, 3, 3, 3]), ...normWeights(4) }
    const model = convNorm({
      initializers: others,
      nodes: [
        node('Constant', [], ['w'], { value: { kind: 'tensor', value: w } }),
        node('Conv', ['x', 'w'], ['c']),
        norm('c', 'y'),
      ],
    })
    const { model: folded } = await fold(model)
    expect(opTypes(folded)).toEqual(['Conv'])
    expect(await difference(model, folded, { x: feed([2, 3, 5, 5]) })).toBeLessThan(TOLERANCE)
  })

  test('shared weights stay as they are for the others', async () => {
    const model = convNorm({
      outputs: { y: ['float32', [2, 4, 3, 3]], z: ['float32', [2, 4, 3, 3]] },
      nodes: [node('Conv', ['x', 'w', 'b'], ['c']), norm('c', 'y'), node('Conv', ['x', 'w', 'b'], ['z'])],
    })
    const { model: folded } = await fold(model)
    expect(folded.graph.initializers.get('w')).toBe(model.graph.initializers.get('w'))
    expect(folded.graph.initializers.has('w_folded')).toBe(true)
    expect(await difference(model, folded, { x: feed([2, 3, 5, 5]) })).toBeLessThan(TOLERANCE)
  })

  test('weights keep their name where nobody else reads them, and what nothing reads is dropped', async () => {
    const { model: folded } = await fold(convNorm())
    expect([...folded.graph.initializers.keys()]).toEqual(['w', 'b'])
  })

  test('the body of an If takes in its normalization, with weights from outside copied in', async () => {
    const body = buildGraph({
      outputs: { inner: ['float32', [2, 4, 3, 3]] },
      nodes: [node('Conv', ['x', 'w', 'b'], ['c']), norm('c', 'inner')],
    })
    const other = buildGraph({
      outputs: { same: ['float32', [2, 4, 3, 3]] },
      nodes: [node('Conv', ['x', 'w', 'b'], ['same'])],
    })
    const model = convNorm({
      inputs: { x: ['float32', [2, 3, 5, 5]], on: ['bool', []] },
      nodes: [
        node('If', ['on'], ['y'], {
          then_branch: { kind: 'graph', value: body },
          else_branch: { kind: 'graph', value: other },
        }),
      ],
    })
    const { model: folded } = await fold(model)
    const branch = folded.graph.nodes[0]?.attributes.get('then_branch')
    expect(branch?.kind === 'graph' && branch.value.nodes.map(({ opType }) => opType)).toEqual(['Conv'])
    const x = feed([2, 3, 5, 5])
    for (const value of [0, 1]) {
      const on = { dtype: 'bool', dims: [], data: Uint8Array.of(value) } as const
      expect(await difference(model, folded, { x, on })).toBeLessThan(TOLERANCE)
    }
  })
})

test('the numbers of conformance test C21, in float64 and as ONNX Runtime rounds them', async () => {
  const parameters = { bn_g: [2, 0.5], bn_b: [0.1, -0.1], bn_m: [1, 2], bn_v: [4, 0.25] }
  const foldC21 = async (bias: readonly number[]): Promise<readonly (readonly number[])[]> => {
    const model = buildModel({
      inputs: { x: ['float32', [1, 2, 1, 1]] },
      outputs: { y: ['float32', [1, 2, 1, 1]] },
      initializers: {
        w: tensor('float32', [2, 2, 1, 1], [1, 2, 3, 4]),
        ...(bias.length > 0 && { b: tensor('float32', [2], bias) }),
        ...Object.fromEntries(
          Object.entries(parameters).map(([name, values]) => [name, tensor('float32', [2], values)]),
        ),
      },
      nodes: [
        node('Conv', bias.length > 0 ? ['x', 'w', 'b'] : ['x', 'w'], ['c']),
        norm('c', 'y', 'bn', { epsilon: float(1e-5) }),
      ],
    })
    const { graph } = (await fold(model)).model
    return (graph.nodes[0]?.inputs.slice(1) ?? []).map((name) => {
      const weights = graph.initializers.get(name)
      return weights ? Array.from(floatsOf(weights)) : []
    })
  }
  const [weight = [], bias = []] = await foldC21([])
  const [, biased = []] = await foldC21([0.5, -0.5])
  const expectWithinUlp = (got: readonly number[], expected: readonly number[]): void =>
    expected.forEach((value, i) => {
      const ulp = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23)
      expect(Math.abs((got[i] ?? NaN) - Math.fround(value))).toBeLessThanOrEqual(ulp)
    })
  // The list rounds to eight digits, which names one float32 number.
  expectWithinUlp(weight, [0.99999875, 1.9999975, 2.99994, 3.99992])
  expectWithinUlp(bias, [-0.89999875, -2.09996])
  expectWithinUlp(biased, [-0.39999937, -2.59995])
  expectWithinUlp(bias, [-0.89999878, -2.09995985])
})

describe('leaving alone', () => {
  const leaves = async (model: Model, reason: RegExp): Promise<void> => {
    const { model: folded, notes } = await fold(model)
    expect(opTypes(folded)).toEqual(opTypes(model))
    expect(notes.map(({ kind, text }) => `${kind}: ${text}`).join('\n')).toMatch(reason)
  }

  test('a layer whose output is an output of the graph', () =>
    leaves(
      convNorm({ outputs: { c: ['float32', [2, 4, 3, 3]], y: ['float32', [2, 4, 3, 3]] } }),
      /skipped: .*is an output of the graph/,
    ))

  test('a layer that others read', () =>
    leaves(
      convNorm({
        outputs: { y: ['float32'], z: ['float32'] },
        nodes: [node('Conv', ['x', 'w', 'b'], ['c']), norm('c', 'y'), node('Relu', ['c'], ['z'])],
      }),
      /skipped: .*read by other operators too/,
    ))

  test('a normalization in training mode', () =>
    leaves(
      convNorm({
        nodes: [
          node('Conv', ['x', 'w', 'b'], ['c']),
          { ...norm('c', 'y', 'bn', { training_mode: 1 }), outputs: ['y', 'mean', 'variance'] },
        ],
      }),
      /training mode/,
    ))

  test('a normalization of opset 6 that does not say is_test', () => leaves(convNorm({ opset: 6 }), /training mode/))

  test('a normalization of each position, as old opsets had it', () =>
    leaves(
      convNorm({ opset: 7, nodes: [node('Conv', ['x', 'w', 'b'], ['c']), norm('c', 'y', 'bn', { spatial: 0 })] }),
      /spatial = 0/,
    ))

  test('a normalization behind something without weights', () =>
    leaves(
      convNorm({
        outputs: { y: ['float32'] },
        initializers: normWeights(3),
        nodes: [node('Relu', ['x'], ['c']), norm('c', 'y')],
      }),
      /no weights stand right before it, but c/,
    ))

  test('a MatMul of three axes, whose channels are not the columns', () =>
    leaves(
      convNorm({
        inputs: { x: ['float32', [2, 4, 5]] },
        outputs: { y: ['float32', [2, 4, 4]] },
        initializers: { w: random([5, 4]), ...normWeights(4) },
        nodes: [node('MatMul', ['x', 'w'], ['c']), norm('c', 'y')],
      }),
      /not a matrix product/,
    ))

  test('weights that a caller may override', () =>
    leaves(
      convNorm({ inputs: { x: ['float32', [2, 3, 5, 5]], w: ['float32', [4, 3, 3, 3]] } }),
      /weights before it are not constant/,
    ))

  test('a normalization whose result is no finite number', () =>
    leaves(
      convNorm({
        initializers: {
          w: random([4, 3, 3, 3]),
          b: random([4]),
          ...normWeights(4),
          bn_v: tensor('float32', [4], [1, 1, -1, 1]),
        },
      }),
      /not finite/,
    ))

  test('a constant that varies over the width, not over the channels', async () => {
    const model = convNorm({
      initializers: { w: random([4, 3, 3, 3]), b: random([4]), k: random([3]) },
      nodes: [node('Conv', ['x', 'w', 'b'], ['c']), node('Mul', ['c', 'k'], ['y'])],
    })
    expect(opTypes((await fold(model)).model)).toEqual(['Conv', 'Mul'])
  })

  test('scales and shifts, when told so', async () => {
    const model = convNorm({
      initializers: { w: random([4, 3, 3, 3]), b: random([4]), k: random([4, 1, 1]) },
      nodes: [node('Conv', ['x', 'w', 'b'], ['c']), node('Mul', ['c', 'k'], ['y'])],
    })
    expect(opTypes((await fold(model, false)).model)).toEqual(['Conv', 'Mul'])
    expect(opTypes((await fold(model, true)).model)).toEqual(['Conv'])
  })
})
