// The environment record of a real page and a real worker: complete, plain, and nothing in it that tells one visitor from another.

import { afterAll, expect, test } from 'vitest'

import { EngineClient } from '../../src/app/jobs/engine-client'
import { modelFile } from '../../src/app/jobs/model-file'
import type { EngineId } from '../../src/engines/engine'
import { PRESSURES, type EnvironmentRecord } from '../../src/engines/environment-record'

const clients = new Map<EngineId, EngineClient>()
const client = (engine: EngineId): EngineClient => {
  const made = clients.get(engine) ?? new EngineClient(engine)
  clients.set(engine, made)
  return made
}
afterAll(() => clients.forEach((made) => made.end()))

const adapter = await navigator.gpu?.requestAdapter()
const engines: readonly EngineId[] = adapter ? ['ort-wasm', 'ort-webgpu'] : ['ort-wasm']

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}
const missing = (value: unknown, path = ''): string[] => {
  if (value === undefined) return [path]
  if (typeof value === 'number' && !Number.isFinite(value)) return [path]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => missing(item, `${path}.${key}`))
}

function expectRecord(record: EnvironmentRecord): void {
  expect(missing(record)).toEqual([])
  expect(structuredClone(record)).toEqual(JSON.parse(JSON.stringify(record)))
  const { start } = record.conditions
  expect(record).toMatchObject({ where: 'browser', crossOriginIsolated: true })
  expect(record.hardwareConcurrency).toBe(navigator.hardwareConcurrency)
  // Chromium tells all of these, on a desktop; headless it draws at 60 Hz, but on a busy machine not always.
  expect(Math.log2(record.deviceMemoryGB ?? NaN) % 1).toBe(0)
  if (record.screenHz !== null) expect([24, 30, 48, 50, 60]).toContain(record.screenHz)
  expect(start.pageVisible).toBe(true)
  expect(start.power?.isCharging).toBeTypeOf('boolean')
  expect(((start.power?.level ?? NaN) * 10) % 1).toBe(0)
  expect([null, ...PRESSURES]).toContain(start.pressure)
}

function expectAnonymous(record: EnvironmentRecord): void {
  const told = strings(record)
  expect(told.filter((text) => text.length > 40 && !/error .* allowed/.test(text))).toEqual([])
  const text = JSON.stringify(record)
  expect(text).not.toContain(navigator.userAgent)
  expect(text).not.toMatch(/Mozilla|AppleWebKit|Linux|X11|Windows|Macintosh|Android|\d+\.\d+\.\d+\.\d+/)
  const { description, device } = adapter?.info ?? {}
  for (const name of [description, device]) if (name) expect(told).not.toContain(name)
}

test.each(engines)('%s starts with a complete record that identifies nobody', async (engine) => {
  const { environment, facts, startMs } = await client(engine).start()
  expectRecord(environment)
  expectAnonymous(environment)
  expect(environment.conditions.end).toBeNull()
  expect(environment.engine).toEqual(facts)
  expect(startMs).toBeGreaterThan(0)
  if (engine === 'ort-webgpu') {
    const { limits } = facts.adapter ?? {}
    for (const bytes of Object.values(limits ?? {})) expect(bytes).toBeGreaterThanOrEqual(16_384)
    expect(Object.keys(limits ?? {})).toHaveLength(3)
  }
})

test('a timing carries the conditions at its start and at its end', async () => {
  const model = modelFile(await (await fetch('/zoo/digits/model.onnx')).blob())
  const { environment } = await client('ort-wasm').compareLatency({
    variants: [
      { label: 'a', model },
      { label: 'b', model },
    ],
    ...{ inputs: { kind: 'synthetic', seed: 1, count: 2 }, seconds: 1, seed: 1, warmUp: { minRuns: 3, minMs: 0 } },
  })
  expectRecord(environment)
  expectAnonymous(environment)
  const { end } = environment.conditions
  expect(missing(end)).toEqual([])
  expect(end).toMatchObject({ pageVisible: true, isSavingPower: null, power: environment.conditions.start.power })
})
