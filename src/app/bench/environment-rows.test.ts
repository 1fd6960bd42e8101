import { expect, test } from 'vitest'

import type { Conditions, EnvironmentRecord } from '../../engines/environment-record'
import { environmentRows } from './environment-rows'
import type { RunRecord } from './run-record'

const unknown: Conditions = { pageVisible: true, power: null, isSavingPower: null, pressure: null }
const environment = (parts: Partial<EnvironmentRecord> = {}): EnvironmentRecord => ({
  engine: {
    ...{ id: 'ort-webgpu', runtime: 'runtime 1', build: 'jspi', threads: 1 },
    selfTests: [{ name: 'one', ok: false, detail: '' }],
  },
  ...{ where: 'browser', crossOriginIsolated: true, timerStepMs: 0.005, hardwareConcurrency: 8, deviceMemoryGB: null },
  ...{ screenHz: null, conditions: { start: unknown, end: null }, browser: 'Chromium 156', appVersion: '0.1.0' },
  ...parts,
})
function rows(record: EnvironmentRecord, parts: Partial<RunRecord> = {}): Record<string, string> {
  const original = { name: 'm', sha256: 'a'.repeat(64), summary: {} }
  const engine = { facts: record.engine, environment: record, startMs: 812.4 }
  return Object.fromEntries(environmentRows({ original, engine, ...parts } as unknown as RunRecord))
}

test('every unknown field is shown as unknown, none is left out', () => {
  const shown = rows(environment())
  const notKnown = Object.keys(shown).filter((label) => shown[label] === 'not known here')
  expect(notKnown).toEqual([
    ...['memory reported', 'screen', 'charging', 'battery', 'power saving', 'processor pressure'],
  ])
  expect(shown).toMatchObject({
    ...{
      browser: 'Chromium 156',
      runtime: 'runtime 1, jspi build',
      'runtime start': '812 ms',
      'clock step': '5.00 µs',
    },
    ...{
      'self-tests': 'one FAILED',
      'page in view': 'yes',
      'cores reported': '8',
      'original, SHA-256': 'aaaaaaaaaaaa',
    },
  })
  expect(Object.keys(shown).filter((label) => /GPU|timed|variant/.test(label))).toEqual([])
})

test('known fields are in plain words, with units', () => {
  const limits = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 27, maxComputeWorkgroupStorageSize: 32768 }
  const has = { hasFloat16: true, hasSubgroups: true, hasTimestamps: false }
  const adapter = { vendor: 'google', architecture: 'swiftshader', isSoftware: true, ...has, limits }
  const start = { ...unknown, power: { isCharging: false, level: 0.4 }, isSavingPower: true, pressure: 'fair' } as const
  const record = environment({ conditions: { start, end: null }, screenHz: 120, deviceMemoryGB: 8 })
  const shown = rows({ ...record, engine: { ...record.engine, adapter } })
  expect(shown).toMatchObject({
    ...{ GPU: 'google swiftshader (software)', 'GPU features': '16-bit floats, subgroups' },
    ...{ 'largest GPU buffer': '1.07 GB', 'largest GPU binding': '134 MB', 'GPU workgroup memory': '32.8 kB' },
    ...{ screen: '120 frames a second', 'memory reported': '8 GB', charging: 'no', battery: 'about 40 %' },
    ...{ 'power saving': 'probably on', 'processor pressure': 'fair' },
  })
})

test('of a timing, what changed meanwhile is shown, and what was timed', () => {
  const start = { ...unknown, power: { isCharging: true, level: 0.9 }, pressure: 'nominal' } as const
  const end = { ...start, power: { isCharging: false, level: 0.9 }, pressure: 'critical' } as const
  const timed = environment({ screenHz: 60, conditions: { start, end } })
  const compression = { sha256: null, recipeKey: 'b'.repeat(64) }
  const parts = { latency: { environment: timed, residency: 'gpu' }, compression } as unknown as Partial<RunRecord>
  expect(rows(environment(), parts)).toMatchObject({
    ...{ screen: '60 frames a second', charging: 'yes → no', battery: 'about 90 %' },
    ...{ 'processor pressure': 'nominal → critical', 'page in view': 'yes' },
    ...{ timed: 'inputs and outputs on the GPU, nothing copied' },
    ...{ 'variant, SHA-256': 'not known here', 'recipe key': 'bbbbbbbbbbbb' },
  })
})

test('before the engine has started there is nothing to show', () => {
  expect(environmentRows({ original: {} } as unknown as RunRecord)).toEqual([])
})
