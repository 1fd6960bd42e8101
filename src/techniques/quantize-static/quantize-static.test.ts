import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { measureError } from '../../core/numeric/error-metrics'
import { seededRng } from '../../core/numeric/rng'
import type { CalibrationData, PassContext } from '../../core/pass/pass-context'
import type { NamedValues } from '../../core/pass/tensor-value'
import { apply } from './apply'
import type { StaticOptions } from './spec'

const DEFAULTS: StaticOptions = {
  activationType: 'uint8',
  granularity: 'channel',
  calibrationSamples: 128,
  depthwise: false,
  quantizeBias: true,
}

const random = (count: number, seed: number): number[] => {
  const rng = seededRng(seed)
  return Array.from({ length: count }, () => rng.normal())
}
const weight = (dims: number[], seed: number) =>
  tensor(
    'float32',
    dims,
    random(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ).map((v) => v / 4),
  )

const samples = (...feeds: NamedValues[]): CalibrationData => ({
  source: 'test',
  size: feeds.length,
  sample: (index) => Promise.resolve(feeds[index] as NamedValues),
})

async function quantize(model: Model, feeds: NamedValues[], options = DEFAULTS, context: Partial<PassContext> = {}) {
  const result = await apply(model, options, testContext({ calibration: samples(...feeds), ...context }))
  verifyGraph(result.model)
  verifyInterface(model, result.model)
  return result
}

const ops = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType)
const count = (model: Model, opType: string): number => ops(model).filter((op) => op === opType).length
const constant = (model: Model, name: string): number[] => {
  const found = model.graph.initializers.get(name)
  if (found?.data.kind !== 'bytes') throw new Error(`There is no weight "${name}".`)
  const bytes = found.data.bytes.slice().buffer
  switch (found.dtype) {
    case 'float32':
      return [...new Float32Array(bytes)]
    case 'int32':
      return [...new Int32Array(bytes)]
    case 'int8':
      return [...new Int8Array(bytes)]
    default:
      return [...new Uint8Array(bytes)]
  }
}

const linspace = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + (i * (to - from)) / (count - 1))

describe('the values of the reference toolkit', () => {
  const model = buildModel({
    opset: 13,
    inputs: { x: ['float32', [1, 2, 2, 2]] },
    outputs: { y: ['float32', [1, 2, 2, 2]] },
    initializers: {
      w: tensor('float32', [2, 2, 1, 1], [0.5, -1, 0.25, 0.125]),
      b: tensor('float32', [2], [0.1, -0.2]),
    },
    nodes: [node('Conv', ['x', 'w', 'b'], ['c']), node('Relu', ['c'], ['y'])],
  })
  const feeds = { x: floats([1, 2, 2, 2], linspace(-1, 3, 8)) }

  it('match for int8 activations and one scale per tensor', async () => {
    const { model: result } = await quantize(model, [feeds], {
      ...DEFAULTS,
      activationType: 'int8',
      granularity: 'tensor',
    })
    expect(constant(result, 'x_scale')).toEqual([0.01568627543747425])
    expect(constant(result, 'x_zero_point')).toEqual([-64])
    expect(constant(result, 'w_scale')).toEqual([0.007874015718698502])
    expect(constant(result, 'w_quantized')).toEqual([64, -127, 32, 16])
    expect(constant(result, 'b_quantized')).toEqual([810, -1619])
    expect(constant(result, 'b_quantized_scale')).toEqual([0.00012351397890597582])
    expect(constant(result, 'b_quantized_zero_point')).toEqual([0])
    expect(constant(result, 'y_scale')).toEqual([0.0013865547953173518])
    expect(constant(result, 'y_zero_point')).toEqual([-128])
    expect(ops(result)).not.toContain('Relu')
    expect(result.graph.nodes.find(({ opType }) => opType === 'Conv')?.outputs).toEqual(['y_QuantizeLinear_Input'])
  })

  it('match for uint8 activations and one scale per channel', async () => {
    const { model: result } = await quantize(model, [feeds])
    expect(constant(result, 'w_scale')).toEqual([0.007874015718698502, 0.0019685039296746254])
    expect(constant(result, 'w_quantized')).toEqual([64, -127, 127, 64])
    expect(constant(result, 'b_quantized')).toEqual([810, -6477])
    expect(constant(result, 'x_zero_point')).toEqual([64])
    expect(constant(result, 'y_zero_point')).toEqual([0])
  })

  it('match where a bias would overflow int32', async () => {
    const tiny = buildModel({
      inputs: { x: ['float32', [1, 1, 1, 2]] },
      outputs: { y: ['float32', [1, 1, 1, 2]] },
      initializers: { w: tensor('float32', [1, 1, 1, 1], [1e-7]), b: tensor('float32', [1], [1000]) },
      nodes: [node('Conv', ['x', 'w', 'b'], ['y'])],
    })
    const options = { ...DEFAULTS, activationType: 'int8', granularity: 'tensor' } as const
    const { model: result } = await quantize(tiny, [{ x: floats([1, 1, 1, 2], [-1, 1]) }], options)
    expect(constant(result, 'x_scale')).toEqual([0.007843137718737125])
    expect(constant(result, 'w_scale')).toEqual([5.937774767517112e-5])
    expect(constant(result, 'w_quantized')).toEqual([0])
    expect(constant(result, 'b_quantized')).toEqual([2147268974])
    expect(constant(result, 'b_quantized_scale')).toEqual([4.6570784206778626e-7])
  })
})

/** x → Conv → Relu → MaxPool → Conv → Add(with a shortcut) → Relu → GlobalAveragePool → Flatten → Gemm → y */
const residual = buildModel({
  opset: 17,
  inputs: { x: ['float32', [1, 3, 12, 12]] },
  outputs: { y: ['float32', [1, 10]] },
  initializers: {
    w1: weight([8, 3, 3, 3], 1),
    b1: weight([8], 2),
    w2: weight([8, 8, 3, 3], 3),
    b2: weight([8], 4),
    w3: weight([10, 8], 5),
    b3: weight([10], 6),
  },
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1, 1, 1, 1] }),
    node('Relu', ['c1'], ['r1']),
    node('MaxPool', ['r1'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
    node('Conv', ['p', 'w2', 'b2'], ['c2'], { pads: [1, 1, 1, 1] }),
    node('Add', ['c2', 'p'], ['s']),
    node('Relu', ['s'], ['r2']),
    node('GlobalAveragePool', ['r2'], ['g']),
    node('Flatten', ['g'], ['f']),
    node('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1 }),
  ],
})
const images = [7, 8, 9].map((seed) => ({ x: floats([1, 3, 12, 12], random(432, seed)) }))

describe('quantize-static', () => {
  it.each(['uint8', 'int8'] as const)(
    'keeps the answers of a residual network with %s activations',
    async (activationType) => {
      const { model } = await quantize(residual, images, { ...DEFAULTS, activationType })
      const feeds = images[0] as NamedValues
      const truth = numbersOf(await runModel(residual, feeds, 'disabled'), 'y')
      for (const optimization of ['disabled', 'all'] as const) {
        expect(measureError(truth, numbersOf(await runModel(model, feeds, optimization), 'y')).sqnrDb).toBeGreaterThan(
          28,
        )
      }
    },
  )

  it('leaves neither Relu nor unmatched pairs in a residual network, and the logits in float', async () => {
    const { model } = await quantize(residual, images)
    expect(count(model, 'Relu')).toBe(0)
    expect(count(model, 'QuantizeLinear')).toBe(7)
    expect(model.graph.nodes.find(({ outputs }) => outputs[0] === 'y')?.opType).toBe('Gemm')
  })
})
