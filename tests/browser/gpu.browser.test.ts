// What only a GPU brings: values that stay on it while runs are timed, and a device that goes in the middle of a timing.

import { describe, expect, test } from 'vitest'

import { modelFile } from '../../src/app/jobs/model-file'
import { LabError } from '../../src/core/errors/lab-error'
import { joinParts } from '../../src/core/numeric/join-parts'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { BoundRun, Engine, EngineSession, Residency } from '../../src/engines/engine'
import type { JobContext } from '../../workers/host/job'
import { raceVariants } from '../../workers/host/latency-job'
import { createBrowserEngine } from '../../workers/host/ort-runtime-browser'
import { buildModel, node, tensor, type ModelParts } from '../fixtures/build-model'
import { countBuffers, gpuDevice } from './gpu-device'

const adapter = await navigator.gpu?.requestAdapter()
const why = adapter ? '' : ' (skipped: this browser gives no WebGPU adapter)'

const wave = (count: number, step: number): number[] => Array.from({ length: count }, (_, i) => Math.sin(step * i))
const bytes = (parts: ModelParts): Uint8Array => joinParts(encodeParts(buildModel(parts)))
/** Two inputs, one of them int32, and two outputs, one of them in the middle of the graph. */
const model = bytes({
  inputs: { x: ['float32', [16, 32]], rows: ['int32', [4]] },
  outputs: { hidden: ['float32', [16, 8]], y: ['float32', [4, 8]] },
  initializers: { w: tensor('float32', [32, 8], wave(256, 0.7)) },
  nodes: [node('MatMul', ['x', 'w'], ['hidden']), node('Gather', ['hidden', 'rows'], ['y'])],
})
const feeds = (step: number): NamedValues => ({
  x: { dtype: 'float32', dims: [16, 32], data: new Float32Array(wave(512, step)) },
  rows: { dtype: 'int32', dims: [4], data: new Int32Array([3, 0, 15, 7]) },
})
const idleContext: JobContext = {
  signal: new AbortController().signal,
  checkpoint: () => new Promise((resolve) => setTimeout(resolve)),
  progress: () => undefined,
  wasDisturbed: () => false,
}
const start = (): Promise<Engine> => createBrowserEngine('ort-webgpu', { threads: 1 })
const open = (engine: Engine, residency: Residency): Promise<EngineSession> =>
  engine.open(model, { optimization: 'all', residency })

describe.skipIf(!adapter)(`a run that stays on the GPU${why}`, () => {
  test('computes what the run end to end computes, for every bound input', async () => {
    const engine = await start()
    const [there, here] = [await open(engine, 'gpu'), await open(engine, 'cpu')]
    for (const step of [0.1, 0.2, 0.3]) {
      const expected = await here.run(feeds(step))
      const bound = await there.bind(feeds(step))
      await bound.run()
      expect(await bound.answer()).toEqual(expected)
      expect(await there.run(feeds(step))).toEqual(expected)
      bound.dispose()
    }
    await engine.close()
  })

  test('makes no buffer per run, where the run end to end makes some and destroys them', async () => {
    const engine = await start()
    const runs = 200
    const repeat = (bound: BoundRun) => async () => {
      for (let i = 0; i < runs; i++) await bound.run()
    }
    const there = await (await open(engine, 'gpu')).bind(feeds(0.1))
    const here = await (await open(engine, 'cpu')).bind(feeds(0.1))
    for (const bound of [there, here]) await bound.run()
    expect(await countBuffers(repeat(there))).toEqual({ made: 0, gone: 0 })
    const copied = await countBuffers(repeat(here))
    expect(copied.made).toBeGreaterThanOrEqual(runs)
    expect(copied.made - copied.gone).toBeLessThan(10)
    expect((await countBuffers(async () => there.dispose())).gone).toBe(2)
    expect((await countBuffers(async () => there.dispose())).gone).toBe(0)
    const session = await open(engine, 'gpu')
    await (await session.bind(feeds(0.1))).run()
    expect((await countBuffers(() => session.close())).gone).toBeGreaterThanOrEqual(2)
    await engine.close()
  })

  test('refuses values whose type cannot be on a GPU, before anything runs', async () => {
    const engine = await start()
    const flat = bytes({
      inputs: { x: ['int8', [4]] },
      outputs: { y: ['float32', [4]] },
      nodes: [node('Cast', ['x'], ['y'], { to: 1 })],
    })
    await expect(engine.open(flat, { optimization: 'all', residency: 'gpu' })).rejects.toMatchObject({
      code: 'model/unsupported',
      message: expect.stringMatching(/"x" of type int8 cannot stay on the GPU/),
    })
    expect((await engine.open(flat, { optimization: 'all' })).inputNames).toEqual(['x'])
    await engine.close()
  })
})

describe.skipIf(!adapter)(`a device that is lost in the middle of a timing${why}`, () => {
  test.each(['cpu', 'gpu'] as const)('is named and recovered from, and timing goes on (%s)', async (residency) => {
    const engine = await start()
    let session = await open(engine, residency)
    let bound = await session.bind(feeds(0.1))
    const expected = await bound.answer()
    let [runs, losses] = [0, 0]
    while (runs < 60) {
      if (runs === 20 && losses === 0) setTimeout(() => void gpuDevice().then((device) => device.destroy()))
      try {
        await bound.run()
        runs++
      } catch (error) {
        expect(error).toBeInstanceOf(LabError)
        expect(error).toMatchObject({ code: 'device/lost' })
        losses++
        const lost = await gpuDevice()
        expect(await engine.recover(error)).toBe(true)
        await expect(session.run(feeds(0.1))).rejects.toMatchObject({ code: 'internal' })
        session = await open(engine, residency)
        bound = await session.bind(feeds(0.1))
        expect(await gpuDevice()).not.toBe(lost)
      }
      expect(losses).toBeLessThan(2)
    }
    expect(losses).toBe(1)
    expect(await bound.answer()).toEqual(expected)
    expect(await session.run(feeds(0.3))).not.toEqual(expected)
    await engine.close()
  })

  test.each(['cpu', 'gpu'] as const)(
    'voids its block of a race, which goes on in fresh sessions (%s)',
    async (residency) => {
      const engine = await start()
      const file = modelFile(new Blob([model as Uint8Array<ArrayBuffer>]))
      const variants = ['a', 'b'].map((label) => ({ label, model: file }))
      let hasTimed = false
      const progress = (_: number, what: string): void => {
        if (hasTimed || !/^Timing, [2-9]/.test(what)) return
        hasTimed = true
        void gpuDevice().then((device) => device.destroy())
      }
      const request = {
        ...{
          engine: 'ort-webgpu' as const,
          threads: 1,
          page: { baseUrl: '' },
          variants,
          residency,
          seconds: 6,
          seed: 1,
        },
        ...{ inputs: { kind: 'values' as const, feeds: [feeds(0.1), feeds(0.2)] }, warmUp: { minRuns: 3, minMs: 0 } },
      }
      const result = await raceVariants(engine, request, { ...idleContext, progress })
      expect(hasTimed).toBe(true)
      const { events, voidedBlocks, pairs } = result.comparison
      expect(events.filter(({ kind }) => kind === 'device-lost')).toHaveLength(1)
      expect(voidedBlocks.deviceLost).toBeGreaterThan(0)
      expect(pairs[0]?.blocks).toBeGreaterThan(0)
      expect(result).toMatchObject({ residency, environment: { engine: { id: 'ort-webgpu' } } })
      await engine.close()
    },
  )

  test('never looks like a fast run: a run on the lost device fails', async () => {
    const engine = await start()
    const bound = await (await open(engine, 'gpu')).bind(feeds(0.1))
    await bound.run()
    const device = await gpuDevice()
    device.destroy()
    await device.lost
    await expect(bound.run()).rejects.toMatchObject({ code: 'device/lost', details: { engine: 'ort-webgpu' } })
    await expect(bound.answer()).rejects.toMatchObject({ code: 'device/lost' })
    expect(await engine.recover(new LabError('device/lost', 'Gone.'))).toBe(true)
    await engine.close()
  })
})
