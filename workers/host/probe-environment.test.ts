import { availableParallelism, totalmem } from 'node:os'

import { expect, test } from 'vitest'

import type { EngineFacts } from '../../src/engines/engine'
import { probeEnvironment } from './probe-environment'

const facts: EngineFacts = { id: 'ort-wasm', runtime: 'runtime 1', build: 'wasm', threads: 1, selfTests: [] }

test('in Node what only a page can tell is unknown', () => {
  const { timerStepMs, hardwareConcurrency, deviceMemoryGB, ...record } = probeEnvironment(facts, { baseUrl: '' })
  expect(timerStepMs).toBeGreaterThan(0)
  expect(hardwareConcurrency).toBe(availableParallelism())
  expect(Math.log2(deviceMemoryGB ?? NaN) % 1).toBe(0)
  expect((deviceMemoryGB ?? NaN) / (totalmem() / 2 ** 30)).toBeCloseTo(1, 0)
  expect(record).toEqual({
    engine: facts,
    where: 'node',
    crossOriginIsolated: false,
    screenHz: null,
    conditions: { start: { pageVisible: true, power: null, isSavingPower: null, pressure: null }, end: null },
    browser: `Node ${process.versions.node.split('.')[0]}`,
    appVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  })
})

test('what the page saw is taken over', () => {
  const power = { isCharging: false, level: 0.4 }
  const conditions = { pageVisible: false, power, isSavingPower: true, pressure: 'fair' } as const
  const record = probeEnvironment(facts, { baseUrl: '', environment: { screenHz: 120, conditions } })
  expect(record).toMatchObject({ screenHz: 120, conditions: { start: conditions, end: null } })
})
