// Corrected biases and searched weight ranges against sums over all positions in float64, and what they do to the answers.

import { expect, describe, test } from 'vitest'

import type { Model } from '../../core/model/model'
import { tensorBytes, viewAs } from '../../core/model/tensor'
import { measureError } from '../../core/numeric/error-metrics'
import { seededRng } from '../../core/numeric/rng'
import { encodeParts } from '../../core/onnx/encode-parts'
import { defaultOptions } from '../../core/options/parse-options'
import type { CalibrationData } from '../../core/pass/pass-context'
import { joinParts } from '../../core/numeric/join-parts'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, testInference } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { apply } from './apply'
import { establishedMean } from './correct-biases'
import { referenceBiasShift, referenceBestStep } from './reference'
import { bestSteps } from './search-weight-ranges'
import { spec, type StaticOptions } from './spec'

const SAMPLES = 16
const X = [1, 3, 6, 6]

/** Positive inputs, as behind a Relu: their mean is what a rounded weight shifts the output by. */
function sample(index: number) {
  const rng = seededRng(50 + index)
  return {
    x: floats(
      X,
      Array.from({ length: 108 }, () => Math.abs(rng.normal())),
    ),
  }
}
const data: CalibrationData = { source: 'test', size: SAMPLES, sample: (index) => Promise.resolve(sample(index)) }

function random(dims: readonly number[], seed: number) {
  const rng = seededRng(seed)
  const count = dims.reduce((product, dim) => product * dim, 1)
  return tensor(
    'float32',
    dims,
    Array.from({ length: count }, () => rng.normal() / 3),
  )
}

const W1 = random([4, 3, 3, 3], 1)
const model = (withBias = true): Model =>
  buildModel({
    inputs: { x: ['float32', X] },
    outputs: { y: ['float32', [1, 5]] },
    initializers: {
      w1: W1,
      ...(withBias && { b1: tensor('float32', [4], [0, 0.1, -0.2, 0]) }),
      w2: random([64, 5], 2),
    },
    nodes: [
      node('Conv', withBias ? ['x', 'w1', 'b1'] : ['x', 'w1'], ['h'], { kernel_shape: [3, 3] }),
      node('Relu', ['h'], ['a']),
      node('Flatten', ['a'], ['f']),
      node('Gemm', ['f', 'w2'], ['y']),
    ],
  })

const quantize = (input: Model, options: Partial<StaticOptions>, calibration: CalibrationData | null = data) =>
  apply(
    input,
    { ...defaultOptions(spec.options), weightType: 'int4', granularity: 'tensor', fittingSamples: SAMPLES, ...options },
    testContext(calibration ? { calibration } : { ranges: { x: [0, 4], a: [0, 9], f: [0, 9] } }),
  )

const stored = ({ graph }: Model, name: string) => {
  const found = graph.initializers.get(name)
  if (!found) throw new Error(`no "${name}"`)
  return found
}
const floatsIn = (from: Model, name: string): Float32Array => viewAs(tensorBytes(stored(from, name)), Float32Array)

/** int32 · scale */
function biasOf(from: Model, base: string): number[] {
  const codes = viewAs(tensorBytes(stored(from, `${base}_quantized`)), Int32Array)
  const scales = floatsIn(from, `${base}_quantized_scale`)
  return Array.from(codes, (code, i) => code * (scales[scales.length === 1 ? 0 : i] ?? NaN))
}

async function answers(to: Model): Promise<number[]> {
  const session = await testInference.open(encodeParts(to))
  const found: number[] = []
  for (let index = 0; index < 24; index++) found.push(...numbersOf(await session.run(sample(1000 + index)), 'y'))
  await session.close()
  return found
}

/** On fresh inputs: the mean of `to` − `from` of each of the five outputs, and their ratio. */
async function meanError(from: Model, to: Model): Promise<{ shift: number[]; sqnrDb: number }> {
  const [truth, actual] = [await answers(from), await answers(to)]
  const shift = Array.from({ length: 5 }, (_, channel) => {
    const errors = actual.map((value, i) => value - (truth[i] ?? NaN)).filter((__, i) => i % 5 === channel)
    return errors.reduce((sum, error) => sum + error, 0) / errors.length
  })
  return { shift, sqnrDb: measureError(truth, actual).sqnrDb }
}

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs))

describe('correction of biases', () => {
  test('the numbers of the specification', () => {
    const scale = Math.fround(0.92 / 7)
    const weight = [
      [0.53, -0.27],
      [0.11, 0.92],
    ]
    const shift = referenceBiasShift(weight, scale, [-8, 7], [[1.5, -0.4]])
    // b' = b − E[(Ŵ − W) x]
    expect(shift[0]).toBeCloseTo(0.0092857, 6)
    expect(shift[1]).toBeCloseTo(-0.0321429, 6)
  })

  test.each([true, false])('adds E[(W − Ŵ) x] on the quantized inputs; with a bias before: %s', async (withBias) => {
    const plain = (await quantize(model(withBias), {})).model
    const { model: corrected } = await quantize(model(withBias), { biasCorrection: true })
    const scale = floatsIn(plain, 'w1_scale')[0] ?? NaN
    const [xScale = NaN] = floatsIn(plain, 'x_scale')
    const [xZero = 0] = tensorBytes(stored(plain, 'x_zero_point'))
    const patches = Array.from({ length: SAMPLES }, (_, index) => {
      const x = numbersOf(sample(index), 'x').map((value) => {
        const code = Math.min(255, Math.max(0, Math.round(value / xScale) + xZero))
        return (code - xZero) * xScale
      })
      return patchesOf(x)
    }).flat()
    const rows = Array.from({ length: 4 }, (_, o) =>
      Array.from(viewAs(tensorBytes(W1), Float32Array).slice(27 * o, 27 * o + 27)),
    )
    const shift = referenceBiasShift(rows, scale, [-8, 7], patches)
    const before = withBias ? [0, 0.1, -0.2, 0] : [0, 0, 0, 0]
    const step = (xScale * scale) / 2
    biasOf(corrected, withBias ? 'b1' : 'w1_bias').forEach((value, i) => {
      expect(Math.abs(value - (before[i] ?? 0) - (shift[i] ?? NaN))).toBeLessThanOrEqual(1.01 * step + 1e-6)
    })
    expect(largest(shift)).toBeGreaterThan(20 * step)
  })

  test('takes the shift out of answers to inputs that it has not seen, biases of zero included', async () => {
    const plain = await meanError(model(), (await quantize(model(), {})).model)
    const corrected = await meanError(model(), (await quantize(model(), { biasCorrection: true })).model)
    expect(largest(corrected.shift)).toBeLessThan(0.4 * largest(plain.shift))
    expect(corrected.sqnrDb).toBeGreaterThan(plain.sqnrDb + 2)
  })

  test('gives the same bytes again, and a second float model stays as it was', async () => {
    const input = model()
    const bytes = async () =>
      joinParts(encodeParts((await quantize(input, { biasCorrection: true, weightRange: 'mse' })).model))
    expect(Buffer.compare(await bytes(), await bytes())).toBe(0)
    expect(Buffer.compare(joinParts(encodeParts(input)), joinParts(encodeParts(model())))).toBe(0)
  })

  test.each([{ biasCorrection: true }, { weightRange: 'mse' }] as const)(
    'needs the samples themselves: %j',
    async (options) => {
      await expect(quantize(model(), options, null)).rejects.toMatchObject({ code: 'recipe/needs-calibration' })
      await quantize(model(), {}, null)
    },
  )

  test('what chance explains is no shift, nor is anything in one sample', () => {
    expect(establishedMean([1, 1.1, 0.9, 1])).toBeCloseTo(1, 12)
    expect(establishedMean([1, -1.1, 0.9, -0.7])).toBe(0)
    expect(establishedMean([3])).toBe(0)
  })

  test('a MatMul has no bias and says so', async () => {
    const product = buildModel({
      inputs: { x: ['float32', [1, 4]] },
      outputs: { y: ['float32', [1, 3]] },
      initializers: { w: random([4, 3], 3) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const rows: CalibrationData = {
      source: 'rows',
      size: 4,
      sample: (index) => Promise.resolve({ x: floats([1, 4], [index, 1, 2, 3]) }),
    }
    const { notes } = await quantize(product, { biasCorrection: true }, rows)
    expect(notes.map(({ text }) => text)).toContain('The mean of "y" is not corrected: a MatMul has no bias.')
  })
})

/** Of a 3 × 3 convolution without padding over 3 × 6 × 6. */
function patchesOf(x: readonly number[]): number[][] {
  const patches: number[][] = []
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      patches.push(
        Array.from({ length: 27 }, (_, k) => {
          const [channel, dy, dx] = [Math.floor(k / 9), Math.floor((k % 9) / 3), k % 3]
          return x[channel * 36 + (row + dy) * 6 + column + dx] ?? NaN
        }),
      )
    }
  }
  return patches
}

describe('ranges of weights by output error', () => {
  test('of equal errors the widest range wins, and scales that several channels share are judged together', () => {
    const errors = (at: Record<number, readonly number[]>) =>
      Array.from({ length: 20 }, (_, candidate) => Float64Array.from(at[candidate] ?? [9, 9]))
    expect(bestSteps([errors({})], 2)).toEqual([20, 20])
    expect(bestSteps([errors({ 4: [1, 9], 7: [9, 2] })], 2)).toEqual([5, 8])
    expect(bestSteps([errors({ 4: [1, 30], 7: [9, 2] })], 1)).toEqual([8])
    expect(bestSteps([errors({ 4: [1, 9] }), errors({ 4: [50, 9], 5: [1, 9] })], 2)).toEqual([6, 20])
  })

  test.each(['channel', 'tensor'] as const)('are those of a plain search: one scale per %s', async (granularity) => {
    // One input, so that the patches are at hand; a single outlier in each row makes clipping worth it.
    const [n, k] = [3, 8]
    const weight = Float32Array.from({ length: n * k }, (_, i) =>
      Math.fround(i % k === 0 ? 3 + i / 10 : Math.sin(i) / 2),
    )
    const product = buildModel({
      inputs: { x: ['float32', [6, k]] },
      outputs: { y: ['float32', [6, n]] },
      initializers: { w: tensor('float32', [n, k], weight) },
      nodes: [node('Gemm', ['x', 'w'], ['y'], { transB: 1 })],
    })
    // The channel of the outlier is nearly silent.
    const x = Array.from({ length: 6 * k }, (_, i) => (i % k === 0 ? 0.02 : 1) * Math.cos(i * i))
    const one: CalibrationData = { source: 'one', size: 1, sample: () => Promise.resolve({ x: floats([6, k], x) }) }
    // 16 bits leave the inputs as they are.
    const { model: result } = await quantize(
      product,
      { weightRange: 'mse', granularity, activationType: 'uint16' },
      one,
    )
    const rows = Array.from({ length: n }, (_, o) => Array.from(weight.slice(o * k, o * k + k)))
    const inputs = Array.from({ length: 6 }, (_, r) => x.slice(r * k, r * k + k))
    const groups = granularity === 'channel' ? rows.map((row) => [row]) : [rows]
    const expected = groups.map((group) => {
      const peak = Math.max(...group.flat().map(Math.abs))
      return Math.fround((2 * peak * referenceBestStep(group, inputs)) / 20 / 15)
    })
    Array.from(floatsIn(result, 'w_scale')).forEach((scale, i) => expect(scale).toBeCloseTo(expected[i] ?? NaN, 6))
    expect(Math.max(...expected)).toBeLessThan((2 * 3) / 15)
  })

  test('leave less error in the answers than full ranges', async () => {
    const plain = await meanError(model(), (await quantize(model(), {})).model)
    const searched = await meanError(model(), (await quantize(model(), { weightRange: 'mse' })).model)
    expect(searched.sqnrDb).toBeGreaterThan(plain.sqnrDb + 0.5)
  })

  test('leave single tensors to their overrides', async () => {
    const overrides = { w1: [{ min: -1, max: 1 }] }
    const { model: result } = await quantize(model(), { weightRange: 'mse', overrides })
    expect(floatsIn(result, 'w1_scale')[0]).toBe(Math.fround(2 / 15))
  })
})
