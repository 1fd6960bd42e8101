import { expect, test } from 'vitest'

import { noisy, syntheticRace } from '../../../tests/fixtures/synthetic-race'
import type { LatencyJobRequest, ModelFile } from '../../../workers/host/protocol'
import { compareLatency } from '../../measure/compare-latency'
import { planSelfCheck } from '../../measure/self-check'
import type { EngineClient } from '../jobs/engine-client'
import { checkDevice, type DeviceCheckResult } from './check-device'

const MODEL = { id: 'm', externalData: [] } as unknown as ModelFile

/** An engine whose sessions differ by `offset`: the real procedure on a synthetic clock. */
function fakeEngine({ offset = 0, isSoftware = false } = {}) {
  const requests: LatencyJobRequest[] = []
  const noise = noisy(4, 0.02)
  const engine = {
    start: () => Promise.resolve({ facts: { adapter: { isSoftware } } }),
    compareLatency: async (job: LatencyJobRequest) => {
      requests.push(job)
      const ms = (variant: number): number => {
        const { repeat = 1, sharesSessionWith } = job.variants[variant] ?? { repeat: NaN }
        return repeat * noise(0.25) * (variant === 1 && sharesSessionWith === undefined ? 1 + offset : 1)
      }
      const margin = job.margin ?? NaN
      return { comparison: await compareLatency(syntheticRace(ms, { budgetMs: 4000, margin }).request) }
    },
  }
  return { engine: engine as unknown as EngineClient, requests }
}

const check = async (device: Parameters<typeof fakeEngine>[0] = {}) => {
  const { engine, requests } = fakeEngine(device)
  const partials: DeviceCheckResult[] = []
  const fractions: number[] = []
  const inputs = { kind: 'synthetic', seed: 1, count: 4 } as const
  const request = { model: MODEL, inputs, freeDimensions: {}, plan: planSelfCheck(20), margin: 0.02 }
  const result = await checkDevice(engine, request, (partial) => partials.push(partial), {
    progress: (fraction) => fractions.push(fraction),
  })
  return { ...result, requests, partials }
}

test('a sound device passes: six races of equal sessions, three of 21 runs against 20, each with a seed of its own', async () => {
  const { check: found, requests, partials } = await check()
  expect(found).toMatchObject({ ok: true, outcome: 'kept', margin: 0.02, same: { races: 6, falseClaims: 0 } })
  expect(found.known).toMatchObject({ races: 3, found: 3 })
  expect(requests.map(({ variants }) => variants[1]?.repeat)).toEqual([...Array<undefined>(6), 21, 21, 21])
  expect(new Set(requests.map(({ seed }) => seed)).size).toBe(9)
  expect(partials.map(({ check: { pairs } }) => pairs.length)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('a device whose equal sessions differ by 4 % gets a wider margin', async () => {
  const { check: found } = await check({ offset: 0.04 })
  expect(found.outcome).toBe('widened')
  expect(found.margin).toBeGreaterThan(0.06)
})

test('a software GPU is refused before anything is timed', async () => {
  await expect(check({ isSoftware: true })).rejects.toMatchObject({ code: 'engine/unavailable' })
})
