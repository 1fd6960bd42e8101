import { expect, test } from 'vitest'

import { buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { floats, testInference } from '../../tests/fixtures/run-model'
import type { CalibrationData } from '../core/pass/pass-context'
import type { RecipeHost } from '../core/pass/run-recipe'
import { parseRecipe } from '../core/recipe/parse-recipe'
import { catalog } from '../techniques/catalog'
import { passes } from '../techniques/passes'
import { preparePair } from './prepare-pair'
import { activationDetail, HISTOGRAM_BINS, weightDetail } from './tensor-detail'

const weight = [-2, -1, 0.3, 0.5, 1, 2.54, 0, 1.27]
const model = buildModel({
  inputs: { x: ['float32', [1, 4]] },
  outputs: { y: ['float32', [1, 2]] },
  initializers: { w: tensor('float32', [4, 2], weight) },
  nodes: [{ ...node('MatMul', ['x', 'w'], ['y']), name: 'product' }],
})
const samples = [
  [-1, 0, 1, 1.55],
  [0.2, 0.1, 0, -0.4],
]
const data: CalibrationData = {
  source: 'test',
  size: samples.length,
  sample: (index) => Promise.resolve({ x: floats([1, 4], samples[index] ?? []) }),
}
const host: RecipeHost = {
  checkpoint: () => Promise.resolve(),
  infer: testInference,
  calibration: data,
  progress: () => undefined,
  now: () => 0,
}
const pairOf = (technique: string, options: object) =>
  preparePair(model, parseRecipe({ version: 1, steps: [{ technique, options }] }, catalog), { catalog, passes }, host)
const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)

test('a weight with one scale: histograms, extent, and the number that loses the most, in plain arithmetic', async () => {
  const { float, changed } = await pairOf('quantize-static', { granularity: 'tensor' })
  const detail = weightDetail(float, changed, 'w')
  const scale = Math.fround((2 * 2.54) / 254)
  expect(detail).toMatchObject({ dtype: 'int8', grain: 'tensor', count: 8, samples: null, clipped: 0 })
  expect(detail.integers).toEqual([-128, 127])
  expect(detail.scale[0]).toBeCloseTo(scale, 8)
  expect(detail.zeroPoint).toEqual([0, 0])
  expect(detail.span).toEqual([-2, Math.fround(2.54)])
  for (const counts of [detail.before, detail.after]) {
    expect(counts).toHaveLength(HISTOGRAM_BINS)
    expect(total(counts)).toBe(8)
  }
  const errors = weight.map(Math.fround).map((value) => Math.abs(value - Math.round(value / scale) * scale))
  const { example } = detail
  expect(Math.abs((example?.value ?? 0) - (example?.restored ?? 0))).toBeCloseTo(Math.max(...errors), 7)
  expect(example?.restored).toBe(((example?.integer ?? 0) - 0) * detail.scale[0])
  expect(example?.integer).toBe(example?.rounded)
})

test('a weight with a scale for each column has as many, and loses less', async () => {
  const [one, each] = [
    await pairOf('quantize-dynamic', { granularity: 'tensor' }),
    await pairOf('quantize-dynamic', { granularity: 'channel' }),
  ].map(({ float, changed }) => weightDetail(float, changed, 'w'))
  expect(one?.grain).toBe('tensor')
  expect(each?.grain).toBe('channel')
  expect(each?.scale[0]).toBeLessThan(each?.scale[1] ?? 0)
  expect(each?.scale[1]).toBeCloseTo(one?.scale[0] ?? NaN, 8)
})

test('an activation is rounded with the scale and zero point of its QuantizeLinear, and what is out of range is counted', async () => {
  const { float, changed } = await pairOf('quantize-static', { overrides: { x: [{ scale: 0.01, zeroPoint: 128 }] } })
  const detail = await activationDetail({ float, changed }, 'x', data, [0, 1], host)
  expect(detail).toMatchObject({ dtype: 'uint8', grain: 'tensor', count: 8, samples: 2, clipped: 1 })
  expect(detail.zeroPoint).toEqual([128, 128])
  // 1.55 ÷ 0.01 + 128 = 283, which uint8 does not reach.
  expect(detail.example).toMatchObject({ value: Math.fround(1.55), rounded: 283, integer: 255 })
  expect(detail.example?.restored).toBeCloseTo(1.27, 6)
  expect(total(detail.before)).toBe(8)
})

test('what the step leaves in float has no detail', async () => {
  const { float, changed } = await pairOf('quantize-static', {})
  expect(() => weightDetail(float, changed, 'x')).toThrowError(expect.objectContaining({ code: 'data/invalid' }))
  await expect(activationDetail({ float, changed }, 'y', data, [0], host)).rejects.toMatchObject({
    code: 'data/invalid',
  })
})
