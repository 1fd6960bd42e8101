import { expect, test } from 'vitest'

import { buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { floats, runModel, testInference } from '../../tests/fixtures/run-model'
import type { Model } from '../core/model/model'
import { seededRng } from '../core/numeric/rng'
import { measureError } from '../core/numeric/error-metrics'
import type { CalibrationData } from '../core/pass/pass-context'
import type { RecipeHost } from '../core/pass/run-recipe'
import { parseRecipe } from '../core/recipe/parse-recipe'
import { catalog } from '../techniques/catalog'
import { passes } from '../techniques/passes'
import { keepInFloat } from './keep-in-float'
import { analyseSensitivity } from './sensitivity'

const SIZE = 16
const rng = seededRng(7)
const normals = (count: number): number[] => Array.from({ length: count }, () => rng.normal())
/** One weight per tensor: a single large number leaves the others a handful of steps. */
const spoilt = normals(SIZE * SIZE).map((value, i) => (i === 5 ? 400 : value / 4))
const model: Model = buildModel({
  inputs: { x: ['float32', [1, SIZE]] },
  outputs: { y: ['float32', [1, SIZE]] },
  initializers: {
    w1: tensor(
      'float32',
      [SIZE, SIZE],
      normals(SIZE * SIZE).map((v) => v / 4),
    ),
    w2: tensor('float32', [SIZE, SIZE], spoilt),
    w3: tensor(
      'float32',
      [SIZE, SIZE],
      normals(SIZE * SIZE).map((v) => v / 4),
    ),
  },
  nodes: [
    { ...node('MatMul', ['x', 'w1'], ['a']), name: 'first' },
    node('Relu', ['a'], ['b']),
    { ...node('MatMul', ['b', 'w2'], ['c']), name: 'second' },
    node('Tanh', ['c'], ['d']),
    { ...node('MatMul', ['d', 'w3'], ['y']), name: '' },
  ],
})
const inputs = Array.from({ length: 8 }, () => floats([1, SIZE], normals(SIZE)))
const data: CalibrationData = {
  source: 'test',
  size: inputs.length,
  sample: (index) => Promise.resolve({ x: inputs[index] ?? floats([1, SIZE], []) }),
}
const host: RecipeHost = {
  checkpoint: () => Promise.resolve(),
  infer: testInference,
  calibration: data,
  progress: () => undefined,
  now: () => 0,
}
const analyse = (steps: readonly unknown[]) =>
  analyseSensitivity({
    model,
    recipe: parseRecipe({ version: 1, steps }, catalog),
    techniques: { catalog, passes },
    host,
    data,
    samples: 4,
  })
const perTensor = { technique: 'quantize-static', options: { granularity: 'tensor' } }

test('the layer with the outlier is found: by its weight, by its output, and alone', async () => {
  const { weights, activations, firstBroken, layers, calibration, ...rest } = await analyse([
    { technique: 'fold-constants' },
    perTensor,
  ])
  expect(rest).toEqual({ technique: 'quantize-static', stepIndex: 1, samples: 4 })
  expect(Object.keys(calibration?.ranges ?? {})).toContain('x')
  expect(weights.map(({ readers }) => readers)).toEqual([['first'], ['second'], ['y']])
  expect(weights.map(({ name, bits }) => [name, bits])).toEqual([
    ['w1', 8],
    ['w2', 8],
    ['w3', 8],
  ])
  const weightDb = new Map(weights.map(({ name, sqnrDb }) => [name, sqnrDb]))
  expect(weightDb.get('w1')).toBeGreaterThan(35)
  // The outlier itself is exact and carries most of the norm; what is left of the others is noise.
  expect(weightDb.get('w3')).toBeGreaterThan(35)
  expect(layers.map(({ name }) => name)).toEqual(['first', 'second', 'y'])
  const worst = layers.toSorted((a, b) => (b.kl ?? 0) - (a.kl ?? 0))[0]
  expect(worst?.name).toBe('second')
  expect(activations.map(({ name }) => name)).toEqual(expect.arrayContaining(['x', 'y']))
  expect(firstBroken === null || ['c', 'd', 'y'].includes(firstBroken)).toBe(true)
})

test('weights are as exact as their form says, in every form', async () => {
  const forms = [
    [perTensor, 'tensor'],
    [{ technique: 'quantize-static', options: { granularity: 'channel' } }, 'channel'],
    [{ technique: 'quantize-dynamic', options: { granularity: 'channel' } }, 'channel'],
    [{ technique: 'quantize-dynamic', options: { granularity: 'tensor' } }, 'tensor'],
  ] as const
  for (const [step, granularity] of forms) {
    const { weights } = await analyse([step])
    const got = weights.find(({ name }) => name === 'w2')?.sqnrDb
    expect(got, JSON.stringify(step)).toBeCloseTo(exactness(spoilt, granularity), 3)
  }
})

/** Symmetric int8 in plain float64 arithmetic on float32 values, [in, out] with one scale for all or for each column. */
function exactness(values: readonly number[], granularity: 'tensor' | 'channel'): number {
  const rounded = values.map(Math.fround)
  const column = (i: number): number => (granularity === 'channel' ? i % SIZE : 0)
  const peaks = new Map<number, number>()
  rounded.forEach((value, i) => peaks.set(column(i), Math.max(peaks.get(column(i)) ?? 0, Math.abs(value))))
  const restored = rounded.map((value, i) => {
    const scale = Math.fround((2 * (peaks.get(column(i)) ?? 0)) / 254)
    return Math.round(value / scale) * scale
  })
  return measureError(rounded, restored).sqnrDb
}

test('activations are set against the float model and against themselves before rounding', async () => {
  const { activations } = await analyse([perTensor])
  const y = activations.find(({ name }) => name === 'y')
  expect(y?.localDb).toBeNull()
  const quantized = await recipeResult([perTensor])
  let [signal, noise] = [0, 0]
  for (const index of [0, 2, 4, 6]) {
    const feeds = await data.sample(index)
    const [truth, got] = [await runModel(model, feeds, 'disabled'), await runModel(quantized, feeds, 'disabled')]
    Array.from(truth['y']?.data ?? [], Number).forEach((value, i) => {
      signal += value ** 2
      noise += (value - Number(got['y']?.data[i])) ** 2
    })
  }
  expect(y?.accumulatedDb).toBeCloseTo(10 * Math.log10(signal / noise), 6)
  const x = activations.find(({ name }) => name === 'x')
  // An input has nothing but its own rounding.
  expect(x?.localDb).toBeCloseTo(x?.accumulatedDb ?? NaN, 9)
  expect(x?.localDb).toBeGreaterThan(35)
  // The Relu is merged into the rounding of its result, whose error is no larger for that.
  expect(quantized.graph.nodes.some(({ opType }) => opType === 'Relu')).toBe(false)
  expect(activations.find(({ name }) => name === 'b')?.localDb).toBeGreaterThan(35)
})

async function recipeResult(steps: readonly unknown[]): Promise<Model> {
  const { runRecipe } = await import('../core/pass/run-recipe')
  return (await runRecipe(model, parseRecipe({ version: 1, steps }, catalog), { catalog, passes }, host)).model
}

test('layers that are kept in float leave the answers more exact', async () => {
  const recipe = parseRecipe({ version: 1, steps: [perTensor] }, catalog)
  const kept = keepInFloat(recipe, 0, ['second'])
  expect(kept.steps[0]?.options['excludeNodes']).toEqual(['second'])
  expect(keepInFloat(kept, 0, ['second', 'first']).steps[0]?.options['excludeNodes']).toEqual(['first', 'second'])
  const error = async (model: Model): Promise<number> => {
    const [truth, got] = [
      await runModel(await original(), await data.sample(1)),
      await runModel(model, await data.sample(1)),
    ]
    return measureError(Array.from(truth['y']?.data ?? [], Number), Array.from(got['y']?.data ?? [], Number)).sqnrDb
  }
  const original = () => Promise.resolve(model)
  expect(await error(await recipeResult(kept.steps))).toBeGreaterThan(
    (await error(await recipeResult([perTensor]))) + 6,
  )
})

test('a recipe that can leave nothing in float is refused', async () => {
  await expect(analyse([{ technique: 'fold-constants' }])).rejects.toMatchObject({ code: 'recipe/invalid' })
})
