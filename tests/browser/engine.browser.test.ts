// Engines in their real workers: facts, answers, timing, checks; cancelled, killed and out of memory in between.

import { afterAll, describe, expect, test } from 'vitest'

import { EngineClient } from '../../src/app/jobs/engine-client'
import { modelFile } from '../../src/app/jobs/model-file'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { seededRng } from '../../src/core/numeric/rng'
import { joinParts } from '../../src/core/numeric/join-parts'
import { createBrowserEngine } from '../../workers/host/ort-runtime-browser'
import type { ModelFile } from '../../workers/host/protocol'
import { buildModel, node, tensor, type ModelParts } from '../fixtures/build-model'
import { cancelDuring, codeOf, IDLE_BAR_MS, sleep } from './job-outcomes'

const build = (parts: ModelParts): ModelFile =>
  modelFile(new Blob(encodeParts(buildModel(parts)) as Uint8Array<ArrayBuffer>[]))

/** `count` products of 1×1,000 by 1,000×1,000 in a row: about 0.2 ms each. */
function chain(count: number): ModelFile {
  const weights = tensor('float32', [1000, 1000], new Array<number>(1_000_000).fill(0.001))
  const steps = Array.from({ length: count }, (_, index) => node('MatMul', [`x${index}`, 'w'], [`x${index + 1}`]))
  const type = ['float32', ['batch', 1000]] as const
  return build({ inputs: { x0: type }, outputs: { [`x${count}`]: type }, initializers: { w: weights }, nodes: steps })
}
const zooModel = async (path: string): Promise<ModelFile> => modelFile(await (await fetch(`/zoo/${path}`)).blob())
const synthetic = { kind: 'synthetic', seed: 1, count: 4 } as const
const shortWarmUp = { minRuns: 3, minMs: 0 }

/** Slow enough to be cancelled: 19 MB to open, and 10,000 images of about 10 ms each. */
const large = await zooModel('efficientnet-lite0/model.onnx')
const manyImages = {
  variants: [await zooModel('fashion-resnet/model.onnx')],
  dataset: { kind: 'zoo', id: 'fashion-mnist' },
  from: 0,
  to: 10_000,
} as const

const wasm = new EngineClient('ort-wasm', 1)
const fresh = new EngineClient('ort-wasm', 1)
afterAll(() => {
  wasm.end()
  fresh.end()
})

describe('ort-wasm', () => {
  test('starts the plain build with the threads that were asked for, and passes its self-tests', async () => {
    const threaded = new EngineClient('ort-wasm', 2)
    const { facts, environment } = await threaded.start()
    threaded.end()
    expect(facts).toMatchObject({ id: 'ort-wasm', build: 'wasm', threads: 2 })
    expect(facts.selfTests.filter(({ ok }) => !ok)).toEqual([])
    expect(environment).toMatchObject({
      where: 'browser',
      crossOriginIsolated: true,
      conditions: { start: { pageVisible: true }, end: null },
      appVersion: '0.1.0',
    })
    expect(environment.timerStepMs).toBeLessThan(0.1)
    expect(environment.browser).toMatch(/^\D+ \d+$/)
    expect(structuredClone(environment)).toEqual(JSON.parse(JSON.stringify(environment)))
  })

  test('describes inputs, outputs and the sizes it will use for free dimensions', async () => {
    const { inputs, outputs, freeDimensions, sessionMs } = await wasm.describe({ model: chain(1) })
    expect(inputs).toEqual([{ name: 'x0', dtype: 'float32', shape: ['batch', 1000] }])
    expect(outputs).toEqual([{ name: 'x1', dtype: 'float32', shape: ['batch', 1000] }])
    expect(freeDimensions).toEqual({ batch: 1 })
    expect(sessionMs).toBeGreaterThan(0)
  })

  test('times a model and one that does three times the work, cold and warm', async () => {
    const variants = [
      { label: 'once', model: chain(2) },
      { label: 'thrice', model: chain(6) },
    ]
    const seen: string[] = []
    const result = await wasm.compareLatency(
      { variants, inputs: synthetic, seconds: 3, seed: 1, warmUp: shortWarmUp },
      { progress: (_, what) => seen.push(what) },
    )
    const [pair] = result.comparison.pairs
    expect(pair?.verdict).toBe('slower')
    expect(pair?.ratio).toBeGreaterThan(1.5)
    expect(result.isSynthetic).toBe(true)
    expect(result.freeDimensions).toEqual({ batch: 1 })
    expect(result.variants.map(({ label }) => label)).toEqual(['once', 'thrice'])
    for (const { loadMs, sessionMs, firstRunMs } of result.variants) {
      for (const ms of [loadMs, sessionMs, firstRunMs]) expect(ms).toBeGreaterThan(0)
    }
    expect(result.environment.engine.id).toBe('ort-wasm')
    expect(result).toMatchObject({ residency: 'cpu', sessions: { open: 'together' }, comparison: { mode: 'compare' } })
    expect(result.sessions.neededBytes).toBeLessThan(result.sessions.capBytes ?? 0)
    expect(result.comparison.sentinel.length).toBeGreaterThan(0)
    expect(seen.some((what) => what.startsWith('Timing'))).toBe(true)
  })

  test('predicts classes of labelled samples in stages', async () => {
    const request = {
      variants: [await zooModel('digits/model.onnx')],
      dataset: { kind: 'zoo', id: 'drawn-digits' } as const,
    }
    const first = await wasm.accuracy({ ...request, from: 0, to: 200 })
    const rest = await wasm.accuracy({ ...request, from: 200, to: 10_000 })
    expect(first).toMatchObject({ from: 0, to: 200, size: 1000 })
    expect(rest).toMatchObject({ from: 200, to: 1000 })
    const right = first.classes[0]?.filter((label, index) => label === first.labels?.[index]).length ?? 0
    expect(right).toBeGreaterThan(180)
  })

  test('passes its own engine check and shows the fidelity of a variant', async () => {
    const model = await zooModel('digits/model.onnx')
    const inputs = { kind: 'dataset', dataset: { kind: 'zoo', id: 'drawn-digits' }, count: 8 } as const
    const check = await wasm.engineCheck({ model, inputs })
    expect(check).toMatchObject({ ok: true, precision: 'float32', samples: 8 })
    const { fidelity, isSynthetic } = await wasm.fidelity({ original: model, variant: model, inputs })
    expect(isSynthetic).toBe(false)
    expect(fidelity.outputs[0]?.isIdentical).toBe(true)
  })

  test('says that it finds no fault where there is none to find, and refuses to look after a passed check', async () => {
    const request = { model: chain(3), inputs: { kind: 'synthetic', seed: 1, count: 2 } } as const
    const check = await wasm.engineCheck(request)
    await expect(wasm.bisect({ ...request, check })).rejects.toMatchObject({ code: 'internal' })
    const outputs = check.outputs.map((output) => ({ ...output, ok: false, reason: 'different' as const }))
    const site = await wasm.bisect({ ...request, check: { ...check, ok: false, failing: 'x3', outputs } })
    expect(site).toEqual({ kind: 'not-found', reason: 'what makes the output is right alone' })
  })

  test('names what the runtime refuses and goes on', async () => {
    const bad = modelFile(new Blob(['not a model']))
    await expect(wasm.describe({ model: bad })).rejects.toMatchObject({
      code: 'engine/failed',
      details: { engine: 'ort-wasm' },
    })
    const strange = build({
      inputs: { x: ['float32', [1]] },
      outputs: { y: ['float32', [1]] },
      domains: { 'com.example': 1 },
      nodes: [node('NoSuchOp', ['x'], ['y'], {}, 'com.example')],
    })
    await expect(wasm.describe({ model: strange })).rejects.toMatchObject({ code: 'model/unsupported' })
    expect((await wasm.describe({ model: chain(1) })).inputs).toHaveLength(1)
  })

  test('survives running out of memory: the next call gets a fresh worker', async () => {
    const hungry = build({
      inputs: { x: ['int64', [1]] },
      outputs: { y: ['float32', []] },
      nodes: [node('ConstantOfShape', ['x'], ['big']), node('ReduceSum', ['big'], ['y'], { keepdims: 0 })],
    })
    const x = { dtype: 'int64', dims: [1], data: new BigInt64Array([(1n << 30n) - 1n]) } as const
    await expect(wasm.outputs({ model: hungry, feeds: { x } })).rejects.toMatchObject({ code: 'device/out-of-memory' })
    const small = { ...x, data: new BigInt64Array([10n]) }
    expect((await wasm.outputs({ model: hungry, feeds: { x: small } })).y?.data).toEqual(new Float32Array([0]))
  })

  test.each([
    ['starting', 0, (options: object) => fresh.start(options)],
    ['opening', 30, (options: object) => wasm.describe({ model: large }, options)],
    ['a long inference', 300, (options: object) => runLong(options)],
    ['warming up', 700, (options: object) => wasm.compareLatency({ ...race(2), warmUp: undefined }, options)],
    ['timing', 1500, (options: object) => wasm.compareLatency({ ...race(40), seconds: 60 }, options)],
    ['accuracy', 500, (options: object) => wasm.accuracy(manyImages, options)],
  ])('a cancel during %s is idle in time, and the next attempt succeeds', async (_, delayMs, run) => {
    const { code, idleMs } = await cancelDuring(run, delayMs)
    expect(code).toBe('job/cancelled')
    expect(idleMs).toBeLessThanOrEqual(IDLE_BAR_MS)
    expect((await wasm.describe({ model: chain(1) })).inputs).toHaveLength(1)
  })

  test('killed at random moments it leaves nothing pending, and the next attempt succeeds', async () => {
    const rng = seededRng(5)
    for (let round = 0; round < 6; round++) {
      const jobs = [wasm.accuracy(manyImages), wasm.compareLatency(race(2)), wasm.start()]
      const settled = Promise.all(jobs.map((job) => job.then(() => 'done', codeOf)))
      await sleep(rng.below(800))
      wasm.end()
      const outcomes = await Promise.race([settled, sleep(1000)])
      expect(outcomes, `round ${round}`).toBeDefined()
      for (const outcome of outcomes ?? []) expect(outcome).toMatch(/done|worker\/died/)
    }
    expect((await wasm.accuracy({ ...manyImages, to: 10 })).classes[0]).toHaveLength(10)
  })

  const race = (steps: number) => ({
    variants: [
      { label: 'a', model: chain(steps) },
      { label: 'b', model: chain(steps) },
    ],
    inputs: synthetic,
    seconds: 2,
    seed: 1,
    warmUp: shortWarmUp,
  })
  /** One inference of some seconds, which nothing can interrupt. */
  const runLong = (options: object) => {
    const x0 = { dtype: 'float32', dims: [1000, 1000], data: new Float32Array(1_000_000) } as const
    return wasm.outputs({ model: chain(40), feeds: { x0 } }, options)
  }
})

const adapter = await navigator.gpu?.requestAdapter()
const why = adapter ? '' : ' (skipped: this browser gives no WebGPU adapter)'

describe.skipIf(!adapter)(`ort-webgpu${why}`, () => {
  const gpu = new EngineClient('ort-webgpu')
  afterAll(() => gpu.end())

  test('starts a native build, passes its self-tests, and marks a software adapter', async () => {
    const { facts } = await gpu.start()
    expect(facts.build).toBe('Suspending' in WebAssembly ? 'jspi' : 'asyncify')
    expect(facts.selfTests.filter(({ ok }) => !ok)).toEqual([])
    if (adapter?.info.isFallbackAdapter) expect(facts.adapter?.isSoftware).toBe(true)
  })

  test('gives the answers of plain WASM within the tolerance', async () => {
    const values = (count: number): number[] => Array.from({ length: count }, (_, index) => Math.sin(index))
    const model = build({
      inputs: { x: ['float32', ['batch', 3, 'height', 'width']] },
      outputs: { y: ['float32', ['batch', 8, 'height', 'width']] },
      initializers: { w: tensor('float32', [8, 3, 1, 1], values(24)) },
      nodes: [node('Conv', ['x', 'w'], ['c'], { kernel_shape: [1, 1] }), node('Relu', ['c'], ['y'])],
    })
    const freeDimensions = { height: 16, width: 16 }
    const check = await gpu.engineCheck({ model, inputs: { kind: 'synthetic', seed: 1, count: 3 }, freeDimensions })
    expect(check.failing).toBeNull()
    expect(check).toMatchObject({ ok: true, samples: 3 })
  })

  test('a file that the engine refuses is not blamed on the device that closing the last session destroys', async () => {
    const engine = await createBrowserEngine('ort-webgpu', { threads: 1 })
    await expect(engine.open(new Uint8Array(64).fill(7), { optimization: 'all' })).rejects.toMatchObject({
      code: 'engine/failed',
    })
  })

  test.skipIf(adapter?.features.has('shader-f16'))('float16 on a GPU without it is refused by name', async () => {
    const model = build({
      inputs: { x: ['float32', [4, 4]] },
      outputs: { y: ['float32', [4, 4]] },
      nodes: [
        node('Cast', ['x'], ['half'], { to: 10 }),
        node('MatMul', ['half', 'half'], ['square']),
        node('Cast', ['square'], ['y'], { to: 1 }),
      ],
    })
    const check = gpu.engineCheck({ model, inputs: { kind: 'synthetic', seed: 1, count: 1 } })
    await expect(check).rejects.toMatchObject({ code: 'model/unsupported', message: expect.stringMatching(/f16/) })
  })

  test('a lost device is named', async () => {
    const engine = await createBrowserEngine('ort-webgpu', { threads: 1 })
    const square = buildModel({
      inputs: { x: ['float32', [4, 4]] },
      outputs: { y: ['float32', [4, 4]] },
      nodes: [node('MatMul', ['x', 'x'], ['y'])],
    })
    const session = await engine.open(joinParts(encodeParts(square)), { optimization: 'all' })
    const x = { dtype: 'float32', dims: [4, 4], data: new Float32Array(16).fill(1) } as const
    expect((await session.run({ x })).y?.data).toEqual(new Float32Array(16).fill(4))
    const { env } = await ('Suspending' in WebAssembly
      ? import('onnxruntime-web/jspi')
      : import('onnxruntime-web/webgpu'))
    ;(await env.webgpu.device).destroy()
    await expect(session.run({ x })).rejects.toMatchObject({ code: 'device/lost', details: { fatal: true } })
  })
})
