// Engines in workers of their own, raced against each other: real workers, real threads.

import { expect, test } from 'vitest'

import { raceEnginesInPage } from '../../src/app/bench/race-engines'
import { modelFile } from '../../src/app/jobs/model-file'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { threadSweep } from '../../src/measure/engine-race'
import { buildModel, node, tensor } from '../fixtures/build-model'
import { cancelDuring, IDLE_BAR_MS } from './job-outcomes'

/** Products of 64×512 by 512×512: about 2 ms each on one idle core, and large enough to be shared by two. */
function products(count: number) {
  const weights = tensor('float32', [512, 512], new Array<number>(512 * 512).fill(0.002))
  const type = ['float32', [64, 512]] as const
  const model = buildModel({
    inputs: { x0: type },
    outputs: { [`x${count}`]: type },
    initializers: { w: weights },
    nodes: Array.from({ length: count }, (_, index) => node('MatMul', [`x${index}`, 'w'], [`x${index + 1}`])),
  })
  return modelFile(new Blob(encodeParts(model) as Uint8Array<ArrayBuffer>[]))
}
const race = { model: products(1), seconds: 2, seed: 1, warmUp: { minRuns: 20, minMs: 100 } }

test('one thread against two, and one engine that this browser does not have or only emulates: a ranked table', async () => {
  const gpu = { name: 'ort-webgpu', engine: 'ort-webgpu', threads: 1 } as const
  const seen: string[] = []
  const { entries, comparison, isSynthetic } = await raceEnginesInPage(
    { ...race, engines: [gpu, ...threadSweep(2)] },
    { progress: (_, what) => seen.push(what) },
  )
  expect(entries.map(({ name }) => name).toSorted()).toEqual(['ort-wasm:1', 'ort-wasm:2', 'ort-webgpu'])
  expect(entries.at(-1)).toMatchObject({ name: 'ort-webgpu', speed: null, reason: expect.stringMatching(/\w/) })
  expect(entries.at(-1)?.status).toMatch(/software|unavailable/)
  const timed = entries.slice(0, 2)
  for (const { status, speed, check, cold, environment, threads } of timed) {
    expect(status).toBe('timed')
    expect(check?.ok).toBe(true)
    expect(cold?.firstRunMs).toBeGreaterThan(0)
    expect(environment?.engine.threads).toBe(threads)
    expect(environment?.conditions.end).not.toBeNull()
    expect(speed?.medianMs).toBeGreaterThan(0)
  }
  const one = timed.find(({ threads }) => threads === 1)
  const two = timed.find(({ threads }) => threads === 2)
  expect(one?.speed).toMatchObject({ contender: 0, ratio: 1, verdict: 'same' })
  expect(two?.speed?.contender).toBe(1)
  expect(two?.speed?.rank === one?.speed?.rank).toBe(!['faster', 'slower'].includes(two?.speed?.verdict ?? ''))
  expect(comparison?.pairs[0]?.blocks).toBeGreaterThan(0)
  expect(isSynthetic).toBe(true)
  expect(seen.some((what) => what.startsWith('Timing'))).toBe(true)
})

test('a cancel while slots are timed ends the race in time', async () => {
  const long = { ...race, engines: threadSweep(2), seconds: 60 }
  const { code, idleMs } = await cancelDuring((options) => raceEnginesInPage(long, options), 2500)
  expect(code).toBe('job/cancelled')
  expect(idleMs).toBeLessThanOrEqual(IDLE_BAR_MS)
})
