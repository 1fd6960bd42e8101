import { expect, test } from 'vitest'

import { fakeEngine } from '../../tests/fixtures/fake-engine'
import { jobContext } from '../../tests/fixtures/job-context'
import { ContenderHost } from './contender-jobs'
import { EngineHost } from './engine-host'
import type { ModelId } from './protocol'

const config = { engine: 'ort-wasm', threads: 1, page: { baseUrl: '' } } as const
const request = (file: number) => ({
  ...config,
  label: `file ${file}`,
  model: { id: `m${file}` as ModelId, file: new Blob([new Uint8Array([file])]), externalData: [] },
  inputs: { kind: 'synthetic', seed: 1, count: 3 } as const,
})

test('a contender is opened, warmed up and timed when it is told to, and another one takes its place', async () => {
  const { engine, opened, open, mostOpen } = fakeEngine()
  const host = new ContenderHost(new EngineHost(() => Promise.resolve(engine)))
  const start = await host.open(request(1), jobContext())
  expect(start).toMatchObject({ cold: { label: 'file 1', sessionMs: 1 }, isSynthetic: true })
  expect(start.cold.firstRunMs).toBeGreaterThan(0)
  const shares: number[] = []
  const context = jobContext({ progress: (share) => shares.push(share) })
  expect(await host.warmUp({ minRuns: 4, minMs: 0 }, context)).toHaveLength(4)
  expect(shares).toEqual([0.25, 0.5, 0.75, 1])
  const { switchMs, samplesMs } = await host.timeSlot({ plan: { runs: 5, isBatched: false }, firstInput: 7 })
  expect(samplesMs).toHaveLength(5)
  for (const ms of [switchMs, ...samplesMs]) expect(ms).toBeGreaterThanOrEqual(0.1)
  await host.open(request(2), jobContext())
  expect(opened).toEqual([1, 2])
  expect(mostOpen()).toBe(1)
  await host.close()
  expect(open()).toBe(0)
})

test('nothing is timed before a contender is open', async () => {
  const host = new ContenderHost(new EngineHost(() => Promise.resolve(fakeEngine().engine)))
  const timed = host.timeSlot({ plan: { runs: 5, isBatched: false }, firstInput: 0 })
  await expect(timed).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/No contender is open/),
  })
})
