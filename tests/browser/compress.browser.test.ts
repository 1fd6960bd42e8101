// Compression in its real worker: zoo models in, smaller models out, cancelled and killed in between.

import { afterAll, expect, test } from 'vitest'

import { CompressClient } from '../../src/app/jobs/compress-client'
import { EngineClient } from '../../src/app/jobs/engine-client'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { seededRng } from '../../src/core/numeric/rng'
import { outputNumbers } from '../../src/data/classification'
import { presetRecipe } from '../../src/techniques/preset-recipe'
import type { ModelFile } from '../../workers/host/protocol'
import { buildModel, node, tensor } from '../fixtures/build-model'
import { cancelDuring, codeOf, IDLE_BAR_MS, sleep } from './job-outcomes'

const client = new CompressClient()
const engine = new EngineClient('ort-wasm')
afterAll(() => {
  client.end()
  engine.end()
})

const recipe = presetRecipe
const zooFile = async (path: string): Promise<Blob> => (await fetch(`/zoo/${path}`)).blob()
const digits = (): Promise<Blob> => zooFile('digits/model.onnx')
const calibration = { kind: 'zoo', id: 'drawn-digits-calibration' } as const

/** Scores of the digit net for a fixed pseudo-random image. */
async function scores(model: ModelFile): Promise<number[]> {
  const rng = seededRng(3)
  const data = new Float32Array(28 * 28).map(() => rng.next())
  const outputs = await engine.outputs({ model, feeds: { image: { dtype: 'float32', dims: [1, 1, 28, 28], data } } })
  return Object.values(outputs).flatMap((output) => Array.from(outputNumbers(output)))
}
const bytesOf = async (model: ModelFile): Promise<Uint8Array> => new Uint8Array(await model.file.arrayBuffer())

test('a model is opened, summarized and identified', async () => {
  const file = await digits()
  const { summary, sha256, model } = await client.load(file)
  expect(summary.sizeBytes).toBe(file.size)
  expect(summary.inputs.map(({ name }) => name)).toEqual(['image'])
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
  expect(sha256).toBe(Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join(''))
  expect(await bytesOf(model)).toEqual(await bytesOf({ ...model, file }))
})

test('the recipe without steps gives the same outputs bit for bit', async () => {
  const original = await client.load(await digits())
  const copy = await client.compress({ modelId: original.model.id, recipe: recipe('copy') })
  expect(await scores(copy.model)).toEqual(await scores(original.model))
  expect(copy.report.steps).toEqual([])
})

test('int8 weights shrink the model and barely move its outputs', async () => {
  const original = await client.load(await digits())
  const seen: number[] = []
  const progress = (fraction: number): void => void seen.push(fraction)
  const small = await client.compress({ modelId: original.model.id, recipe: recipe('int8-weights') }, { progress })
  expect(small.model.file.size).toBe(small.summary.sizeBytes)
  expect(small.model.file.size / original.model.file.size).toBeLessThan(0.35)
  expect(small.report.steps.map(({ technique }) => technique)).toContain('quantize-weights')
  const [before, after] = [await scores(original.model), await scores(small.model)]
  const largest = Math.max(...before.map(Math.abs))
  for (const [index, value] of before.entries())
    expect(Math.abs((after[index] ?? NaN) - value)).toBeLessThan(0.05 * largest)
  expect(seen.length).toBeGreaterThan(0)
})

test('calibration runs in the reference engine, and its ranges repeat the result without data, byte for byte', async () => {
  const { model } = await client.load(await digits())
  const first = await client.compress({ modelId: model.id, recipe: recipe('int8-static'), calibration })
  expect(first.recipe.calibration?.source).toBe('zoo:drawn-digits-calibration')
  expect(Object.keys(first.recipe.calibration?.ranges ?? {}).length).toBeGreaterThan(3)
  const again = await client.compress({ modelId: model.id, recipe: first.recipe })
  expect(again.recipeKey).toBe(first.recipeKey)
  expect(await bytesOf(again.model)).toEqual(await bytesOf(first.model))
  await expect(client.compress({ modelId: model.id, recipe: recipe('int8-static') })).rejects.toMatchObject({
    code: 'recipe/needs-calibration',
  })
})

test('a result can be compressed further, and a fresh worker reads again what it needs', async () => {
  const { model } = await client.load(await digits())
  const first = await client.compress({ modelId: model.id, recipe: recipe('copy') })
  client.end()
  const second = await client.compress({ modelId: first.model.id, recipe: recipe('fp16') })
  expect(second.model.file.size / model.file.size).toBeLessThan(0.6)
  await client.release(first.model.id)
  await expect(client.compress({ modelId: first.model.id, recipe: recipe('copy') })).rejects.toMatchObject({
    code: 'internal',
  })
})

test('external data are found beside the model by name, and missed by name', async () => {
  const weights = {
    ...tensor('float32', [4], [1, 2, 3, 4]),
    data: { kind: 'external', location: 'data/w.bin', offset: 4 } as const,
  }
  const parts = encodeParts(
    buildModel({
      inputs: { x: ['float32', [4]] },
      outputs: { y: ['float32', [4]] },
      initializers: { w: weights },
      nodes: [node('Add', ['x', 'w'], ['y'])],
    }),
  )
  const main = new File(parts as Uint8Array<ArrayBuffer>[], 'net.onnx')
  const data = new File([new Float32Array([9, 1, 2, 3, 4])], 'w.bin')
  const loaded = await client.load([data, main])
  const x = { dtype: 'float32', dims: [4], data: new Float32Array(4) } as const
  const { y } = await engine.outputs({ model: loaded.model, feeds: { x } })
  expect(y?.data).toEqual(new Float32Array([1, 2, 3, 4]))
  const copy = await client.compress({ modelId: loaded.model.id, recipe: recipe('copy') })
  expect((await engine.outputs({ model: copy.model, feeds: { x } })).y?.data).toEqual(new Float32Array([1, 2, 3, 4]))
  await expect(client.load(main)).rejects.toMatchObject({
    code: 'model/missing-external-data',
    details: { location: 'data/w.bin' },
  })
  await expect(client.load([main, main, data])).rejects.toMatchObject({ code: 'data/invalid' })
})

test.each([
  ['nothing', []],
  ['a web page', ['<!doctype html><html><body>404</body></html>']],
  ['a cut model', null],
])('%s is refused with a typed error, and the worker goes on', async (_, parts) => {
  const model = await digits()
  const bad = parts ? new Blob(parts) : model.slice(0, 1000)
  await expect(client.load(bad)).rejects.toMatchObject({ code: 'model/parse', name: 'LabError' })
  expect((await client.load(model)).summary.nodeCount).toBeGreaterThan(0)
})

/** 120 MB of weights. */
function largeModel(): Blob {
  const big = tensor('float32', [1000, 1000], new Array<number>(1_000_000).fill(1))
  const names = Array.from({ length: 30 }, (_, index) => `w${index}`)
  const parts = encodeParts(
    buildModel({
      inputs: { x0: ['float32', [1, 1000]] },
      outputs: { x30: ['float32', [1, 1000]] },
      initializers: Object.fromEntries(names.map((name) => [name, big])),
      nodes: names.map((name, index) => node('MatMul', [`x${index}`, name], [`x${index + 1}`])),
    }),
  )
  return new Blob(parts as Uint8Array<ArrayBuffer>[])
}

test('a cancel while loading or compressing a large model is idle in time, and the next attempt succeeds', async () => {
  const file = largeModel()
  const codes: string[] = []
  for (const delayMs of [0, 20, 60, 120]) {
    const { code, idleMs } = await cancelDuring((options) => client.load(file, options), delayMs)
    codes.push(code)
    expect(idleMs, `load, ${delayMs} ms`).toBeLessThanOrEqual(IDLE_BAR_MS)
  }
  expect(codes).toContain('job/cancelled')
  const { model } = await client.load(file)
  let cancelled = 0
  for (const delayMs of [0, 30, 100, 250]) {
    const { code, idleMs } = await cancelDuring(
      (options) => client.compress({ modelId: model.id, recipe: recipe('int8-weights') }, options),
      delayMs,
    )
    if (code === 'job/cancelled') cancelled++
    expect(idleMs, `compress, ${delayMs} ms`).toBeLessThanOrEqual(IDLE_BAR_MS)
  }
  expect(cancelled).toBeGreaterThanOrEqual(3)
  const small = await client.compress({ modelId: model.id, recipe: recipe('int8-weights') })
  expect(small.model.file.size / file.size).toBeLessThan(0.26)
})

test('a cancel in the middle of calibration ends the reference engine, too', async () => {
  const { model } = await client.load(await zooFile('efficientnet-lite0/model.onnx'))
  const photos = { kind: 'zoo', id: 'photos-calibration' } as const
  for (const delayMs of [300, 1500]) {
    const { code, idleMs } = await cancelDuring(
      (options) => client.compress({ modelId: model.id, recipe: recipe('int8-static'), calibration: photos }, options),
      delayMs,
    )
    expect(code).toBe('job/cancelled')
    expect(idleMs).toBeLessThanOrEqual(IDLE_BAR_MS)
  }
  const { report } = await client.compress({ modelId: model.id, recipe: recipe('int8-weights') })
  expect(report.steps.at(-1)?.technique).toBe('quantize-weights')
})

test('a worker killed at random moments leaves nothing pending, and the next attempt succeeds', async () => {
  const rng = seededRng(11)
  const file = await digits()
  for (let round = 0; round < 12; round++) {
    const job = client
      .load(file)
      .then(({ model }) => client.compress({ modelId: model.id, recipe: recipe('int8-static'), calibration }))
      .then(() => 'done', codeOf)
    await sleep(rng.below(700))
    client.end()
    const outcome = await Promise.race([job, sleep(2000)])
    expect(outcome, `round ${round}`).toMatch(/done|worker\/died/)
  }
  const { model } = await client.load(file)
  expect((await client.compress({ modelId: model.id, recipe: recipe('copy') })).model.file.size).toBeGreaterThan(0)
})
