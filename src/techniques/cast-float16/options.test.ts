import { describe, expect, test } from 'vitest'

import { node, tensor } from '../../../tests/fixtures/build-model'
import { convert, difference, lines, model, OPTIONS, TOLERANCE, W, X } from '../../../tests/fixtures/float16-model'
import { floats, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { verifyGraph } from '../../core/model/verify-graph'
import type { NamedValues } from '../../core/pass/tensor-value'
import { decodeFloat16, encodeFloat16 } from '../../core/numeric/float16'
import { apply } from './apply'

describe('what was asked to stay in float32', () => {
  const chain = model({
    initializers: { w: W },
    nodes: [
      { ...node('Mul', ['x', 'w'], ['a']), name: 'first' },
      { ...node('Mul', ['a', 'w'], ['b']), name: 'second' },
      node('Relu', ['b'], ['y']),
    ],
  })

  test('an operator, by its name', async () => {
    const { graph } = await convert(chain, true, { excludeNodes: ['second'] })
    expect(lines(graph)).toEqual([
      'Cast(x) x_fp16',
      'Mul(x_fp16,w_fp16) a',
      'Cast(a) a_fp32',
      'Mul(a_fp32,w) b',
      'Cast(b) b_fp16',
      'Relu(b_fp16) y_fp16',
      'Cast(y_fp16) y',
    ])
  })

  test('all operators of a type', async () => {
    const { graph } = await convert(chain, true, { floatOps: ['Mul', 'Relu'] })
    expect(graph.nodes).toEqual(chain.graph.nodes)
    expect(graph.initializers.get('w')?.dtype).toBe('float32')
  })
})

describe('storage', () => {
  const values = Float32Array.from({ length: 300 }, (_, index) => Math.sin(index) / 3)
  const wide = model({
    inputs: { x: ['float32', [2, 100]] },
    outputs: { y: ['float32', [2, 3]] },
    initializers: { w: tensor('float32', [100, 3], values), small: W },
    nodes: [node('MatMul', ['x', 'w'], ['m']), node('Add', ['m', 'small'], ['y'])],
  })
  const feeds: NamedValues = {
    x: floats(
      [2, 100],
      Array.from({ length: 200 }, (_, index) => Math.cos(index)),
    ),
  }

  test('keeps large weights in float16 and computes with what they round to', async () => {
    const stored = await convert(wide, true, { mode: 'storage' })
    expect(lines(stored.graph)).toEqual(['Cast(w_fp16) w_fp32', 'MatMul(x,w_fp32) m', 'Add(m,small) y'])
    expect([...stored.graph.initializers.values()].map(({ dtype }) => dtype).sort()).toEqual(['float16', 'float32'])
    const weight = { ...tensor('float32', [100, 3], [...decodeFloat16(encodeFloat16(values))]), name: 'w' }
    const rounded = {
      ...wide,
      graph: { ...wide.graph, initializers: new Map([...wide.graph.initializers, ['w', weight]]) },
    }
    for (const optimization of ['disabled', 'all'] as const) {
      expect(await runModel(stored, feeds, optimization)).toEqual(await runModel(rounded, feeds, optimization))
    }
  })

  test('a second time changes nothing', async () => {
    const stored = await convert(wide, true, { mode: 'storage' })
    expect(await convert(stored, true, { mode: 'storage' })).toEqual(stored)
  })
})

describe('measured', () => {
  // Squares of 300 leave the range of float16; before and behind them nothing is wrong with it.
  const square = { ...node('Mul', ['big', 'big'], ['squared']), name: 'square' }
  const risky = model({
    initializers: { hundred: tensor('float32', [], [100]), tiny: tensor('float32', [], [1e-4]) },
    nodes: [
      node('Mul', ['x', 'hundred'], ['big']),
      square,
      { ...node('Mul', ['squared', 'tiny'], ['back']), name: 'back' },
      node('Relu', ['back'], ['y']),
    ],
  })
  const calibration = { source: 'test', size: 3, sample: () => Promise.resolve(X) }
  const options = { ...OPTIONS, measured: true, minSqnrDb: 30 }

  test('keeps the operators in float32 whose results float16 cannot hold, and no others', async () => {
    const { model: mixed, notes } = await apply(risky, options, testContext({ calibration }))
    verifyGraph(mixed)
    const kept = notes.filter(({ text }) => text.includes('less exact')).map(({ subject }) => subject)
    expect(kept).toEqual(['square', 'back'])
    expect(await difference(risky, mixed)).toBeLessThan(TOLERANCE)
    // The CPU does not tell: it has no such operators and computes float16 models through float32, whole chains without rounding.
    expect(await difference(risky, await convert(risky))).toBeLessThan(TOLERANCE)
  })

  test('what float16 holds is converted in one trial, and the note has the figure', async () => {
    const harmless = model({ initializers: { w: W }, nodes: [node('Mul', ['x', 'w'], ['y'])] })
    const { notes } = await apply(harmless, options, testContext({ calibration }))
    expect(notes.at(-1)?.text).toMatch(/^No operator has to stay in float32 for 30 dB on 3 samples, with \d\d\.\d dB/)
  })

  test('without samples it says what is missing', async () => {
    await expect(apply(risky, options, testContext())).rejects.toMatchObject({ code: 'recipe/needs-calibration' })
  })
})
