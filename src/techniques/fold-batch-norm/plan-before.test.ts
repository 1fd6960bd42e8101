import { describe, expect, test } from 'vitest'

import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { node, type ModelParts } from '../../../tests/fixtures/build-model'
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
import { opTypes } from '../../../tests/fixtures/op-types'

describe('folding into the layer after it', () => {
  const before = (parts: Partial<ModelParts>): Model => convNorm({ outputs: { y: ['float32'] }, ...parts })

  test.each([
    [
      'a grouped Conv without padding',
      before({
        inputs: { x: ['float32', [2, 6, 5, 5]] },
        initializers: { w: random([4, 3, 3, 3]), b: random([4]), ...normWeights(6) },
        nodes: [norm('x', 'n'), node('Conv', ['n', 'w', 'b'], ['y'], { group: 2, strides: [2, 1] })],
      }),
      [2, 6, 5, 5],
      'Conv',
    ],
    [
      'a Conv of a chain, with a normalization behind it as well',
      before({
        initializers: {
          w: random([4, 3, 3, 3]),
          ...normWeights(3, 'first'),
          ...normWeights(4),
          k: random([3, 1, 1]),
          half: random([], 0.5),
        },
        nodes: [
          node('Sub', ['k', 'x'], ['a']),
          node('Div', ['a', 'half'], ['d']),
          norm('d', 'n', 'first'),
          node('Conv', ['n', 'w'], ['c'], { auto_pad: 'VALID' }),
          norm('c', 'y'),
        ],
      }),
      [2, 3, 5, 5],
      'Conv',
    ],
    [
      'a padded Conv that is only scaled',
      before({
        initializers: { w: random([4, 3, 3, 3]), b: random([4]), k: random([1, 3, 1, 1]) },
        nodes: [node('Mul', ['x', 'k'], ['n']), node('Conv', ['n', 'w', 'b'], ['y'], { pads: [1, 0, 1, 2] })],
      }),
      [2, 3, 5, 5],
      'Conv',
    ],
    [
      'a grouped ConvTranspose that is only scaled',
      before({
        inputs: { x: ['float32', [1, 6, 4]] },
        initializers: { w: random([6, 2, 3]), k: random([6, 1]) },
        nodes: [node('Mul', ['k', 'x'], ['n']), node('ConvTranspose', ['n', 'w'], ['y'], { group: 3 })],
      }),
      [1, 6, 4],
      'ConvTranspose',
    ],
    [
      'a Gemm with alpha and beta',
      before({
        inputs: { x: ['float32', [3, 5]] },
        initializers: { w: random([4, 5]), b: random([]), ...normWeights(5) },
        nodes: [
          norm('x', 'n'),
          node('Gemm', ['n', 'w', 'b'], ['y'], { alpha: float(0.5), beta: float(0.25), transB: 1 }),
        ],
      }),
      [3, 5],
      'Gemm',
    ],
    [
      'a MatMul that is shifted, which needs a bias then',
      before({
        inputs: { x: ['float32', [3, 5]] },
        initializers: { w: random([5, 4]), ...normWeights(5) },
        nodes: [norm('x', 'n'), node('MatMul', ['n', 'w'], ['y'])],
      }),
      [3, 5],
      'Gemm',
    ],
    [
      'a MatMul that is only scaled',
      before({
        inputs: { x: ['float32', [3, 5]] },
        initializers: { w: random([5, 4]), k: random([5]) },
        nodes: [node('Mul', ['x', 'k'], ['n']), node('MatMul', ['n', 'w'], ['y'])],
      }),
      [3, 5],
      'MatMul',
    ],
  ] as const)('%s gives the same answers', async (_, model, dims, left) => {
    const { model: folded, notes } = await fold(model)
    expect(opTypes(folded)).toEqual([left])
    expect(notes.every(({ kind }) => kind === 'changed')).toBe(true)
    expect(await difference(model, folded, { x: feed(dims) })).toBeLessThan(TOLERANCE)
  })

  test.each([
    ['Conv that pads', node('Conv', ['n', 'w'], ['y'], { pads: [0, 0, 0, 1] }), /Stays as it is: y after it pads/],
    ['Conv that pads by itself', node('Conv', ['n', 'w'], ['y'], { auto_pad: 'SAME_UPPER' }), /y after it pads/],
    ['ConvTranspose', node('ConvTranspose', ['n', 'w'], ['y']), /overlaps its windows/],
  ] as const)('a shift before a %s stays', async (_, layer, reason) => {
    const model = before({
      initializers: { w: random([3, 3, 3, 3]), ...normWeights(3) },
      nodes: [norm('x', 'n'), layer],
    })
    const { model: folded, notes } = await fold(model)
    expect(folded).toBe(model)
    expect(notes.map(({ text }) => text).join()).toMatch(reason)
  })

  test('only the scales next to a padded Conv go, in front of what shifts', async () => {
    const model = before({
      initializers: { w: random([4, 3, 3, 3]), k: random([3, 1, 1]), ...normWeights(3) },
      nodes: [norm('x', 'm'), node('Mul', ['m', 'k'], ['n']), node('Conv', ['n', 'w'], ['y'], { pads: [1, 1, 1, 1] })],
    })
    const { model: folded } = await fold(model)
    expect(opTypes(folded)).toEqual(['BatchNormalization', 'Conv'])
    expect(await difference(model, folded, { x: feed([2, 3, 5, 5]) })).toBeLessThan(TOLERANCE)
  })

  test('a value that others read, or that the constant spreads over more channels, stays', async () => {
    const read = before({
      outputs: { y: ['float32'], n: ['float32'] },
      initializers: { w: random([4, 3, 3, 3]), ...normWeights(3) },
      nodes: [norm('x', 'n'), node('Conv', ['n', 'w'], ['y'])],
    })
    const spread = before({
      inputs: { x: ['float32', [2, 1, 5, 5]] },
      initializers: { w: random([4, 3, 3, 3]), k: random([3, 1, 1]) },
      nodes: [node('Mul', ['x', 'k'], ['n']), node('Conv', ['n', 'w'], ['y'])],
    })
    for (const model of [read, spread]) expect((await fold(model)).model).toBe(model)
  })
})
