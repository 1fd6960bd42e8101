// GPTQ within the pass: it sees the samples, it helps on data that it has not seen, and says where it cannot.

import { expect, it } from 'vitest'

import { noteTexts, options, product, quantize, sqnr, weight } from '../../../tests/fixtures/block-models'
import { random } from '../../../tests/fixtures/random'
import { buildGraph, buildModel, node } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import type { Model } from '../../core/model/model'
import type { CalibrationData } from '../../core/pass/pass-context'
import { apply } from './apply'
import { opTypes } from '../../../tests/fixtures/op-types'

const K = 64
/** Channels that share a few causes, as those of a network do. */
function correlated(rows: number, seed: number): number[] {
  const [causes, mixing, own] = [random(rows * 6, seed), random(6 * K, 77), random(rows * K, seed + 1)]
  return own.map((noise, at) => {
    const [row, channel] = [Math.floor(at / K), at % K]
    const mixed = Array.from({ length: 6 }, (_, i) => (causes[row * 6 + i] ?? NaN) * (mixing[i * K + channel] ?? NaN))
    return mixed.reduce((sum, value) => sum + value, 0.1 * noise)
  })
}
const calibration: CalibrationData = {
  source: 'test',
  size: 40,
  sample: (index) => Promise.resolve({ x: floats([8, K], correlated(8, 1000 + 2 * index)) }),
}
/** Decibels that GPTQ has to gain on these inputs: a clear step, and far less than it gains. */
const GAIN_DB = 3

it('GPTQ keeps the outputs of layers that share an input closer than rounding, on inputs that it has not seen', async () => {
  const model = buildModel({
    inputs: { x: ['float32', ['rows', K]] },
    outputs: { y: ['float32', ['rows', 48]], z: ['float32', ['rows', 24]] },
    initializers: { w: weight([K, 48]), v: weight([24, K], 5) },
    nodes: [node('MatMul', ['x', 'w'], ['y']), node('Gemm', ['x', 'v'], ['z'], { transB: 1 })],
  })
  const feeds = { x: floats([40, K], correlated(40, 7)) }
  const truth = await runModel(model, feeds)
  const fidelity = async (algorithm: 'rtn' | 'gptq') => {
    const { model: quantized } = await quantize(model, { algorithm, calibrationSamples: 32 }, { calibration })
    expect(opTypes(quantized)).toEqual(['MatMulNBits', 'MatMulNBits'])
    const got = await runModel(quantized, feeds)
    return ['y', 'z'].map((output) => sqnr(numbersOf(truth, output), numbersOf(got, output)))
  }
  const [rounded, gptq] = [await fidelity('rtn'), await fidelity('gptq')]
  gptq.forEach((decibels, i) => expect(decibels).toBeGreaterThan((rounded[i] ?? NaN) + GAIN_DB))
})

it('GPTQ asks for samples', async () => {
  const run = apply(product(K, 8), options({ algorithm: 'gptq' }), testContext())
  await expect(run).rejects.toMatchObject({
    code: 'recipe/needs-calibration',
    details: { technique: 'quantize-blocks' },
  })
})

it('weights in bodies, where nothing is watched, are rounded to nearest, with a warning', async () => {
  const body = (name: string) =>
    buildGraph({
      outputs: { [name]: ['float32', ['rows', 8]] },
      nodes: [node('MatMul', ['x', 'w'], [name])],
    })
  const model = buildModel({
    inputs: { condition: ['bool', []], x: ['float32', ['rows', K]] },
    outputs: { y: ['float32', ['rows', 8]] },
    initializers: { w: weight([K, 8]) },
    nodes: [
      node('If', ['condition'], ['y'], {
        then_branch: { kind: 'graph', value: body('a') },
        else_branch: { kind: 'graph', value: body('b') },
      }),
    ],
  })
  const result = await quantize(model, { algorithm: 'gptq' }, { calibration })
  expect(noteTexts(result)).toContain('"w" is rounded to nearest')
  const alone = await quantize(product(K, 8))
  const codes = (of: Model) => of.graph.initializers.get('w_Q4')?.data
  expect(codes(result.model)).toBeDefined()
  expect(codes(result.model)).toEqual(codes(alone.model))
})
