import { describe, expect, test } from 'vitest'

import { buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import type { Graph } from '../../core/model/graph'
import { inferShapes } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import { verifyGraph } from '../../core/model/verify-graph'
import type { NamedValues, TensorValue } from '../../core/pass/tensor-value'
import { decodeFloat16, encodeFloat16 } from '../../core/numeric/float16'
import { defaultOptions } from '../../core/options/parse-options'
import { apply } from './apply'
import { spec, type Float16Options } from './spec'

const OPTIONS = defaultOptions(spec.options)
const convert = async (model: Model, keepIo = true, others: Partial<Float16Options> = {}): Promise<Model> => {
  const result = await apply(model, { ...OPTIONS, keepIo, ...others }, testContext())
  verifyGraph(result.model)
  expect(inferShapes(result.model).conflicts).toEqual([])
  return result.model
}
const model = (parts: Partial<ModelParts> & Pick<ModelParts, 'nodes'>): Model =>
  buildModel({ inputs: { x: ['float32', [2, 3]] }, outputs: { y: ['float32', [2, 3]] }, ...parts })
const lines = ({ nodes }: Graph): string[] =>
  nodes.map(({ opType, inputs, outputs }) => `${opType}(${inputs.join(',')}) ${outputs.join(',')}`)
const X: NamedValues = { x: floats([2, 3], [1, -2, 3, 0.25, 5, -6]) }
const W = tensor('float32', [3], [0.1, -0.2, 0.3])

const widened = (value: TensorValue | undefined): number[] =>
  value?.dtype === 'float16'
    ? Array.from(decodeFloat16(value.data as Uint16Array))
    : Array.from(value?.data ?? [], Number)

/** Largest difference over all outputs, relative to the largest magnitude of each. */
async function difference(before: Model, after: Model, feeds: NamedValues = X, halfFeeds = feeds): Promise<number> {
  const [expected, got] = [await runModel(before, feeds, 'disabled'), await runModel(after, halfFeeds, 'disabled')]
  let worst = 0
  for (const name of Object.keys(expected)) {
    const numbers = numbersOf(expected, name)
    const others = widened(got[name])
    expect(others).toHaveLength(numbers.length)
    const peak = Math.max(...numbers.map(Math.abs), 1e-6)
    numbers.forEach((number, i) => (worst = Math.max(worst, Math.abs(number - (others[i] as number)) / peak)))
  }
  return worst
}
/** A few roundings of 2^-11 each. */
const TOLERANCE = 4e-3

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
