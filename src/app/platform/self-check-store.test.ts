import { expect, test } from 'vitest'

import type { EnvironmentRecord } from '../../engines/environment-record'
import { judgeSelfCheck, type SelfCheckPair } from '../../measure/self-check'
import { SelfCheckStore } from './self-check-store'

const environment = (change: Partial<EnvironmentRecord> = {}): EnvironmentRecord =>
  ({
    engine: { id: 'ort-wasm', threads: 1, build: 'wasm', runtime: 'onnxruntime-web 1.30.0', selfTests: [] },
    browser: 'Chromium 156',
    appVersion: '0.1.0',
    ...change,
  }) as EnvironmentRecord

const same = (ratio: number): SelfCheckPair => ({
  ...{ kind: 'same', ratio, ci95: [ratio - 0.005, ratio + 0.005], verdict: 'undecided', blocks: 20 },
  standardError: 0.002,
})
const WIDENED = judgeSelfCheck([same(1.06), same(0.99), same(1.001)], 0.02)

function memory(): Pick<Storage, 'getItem' | 'setItem'> & { readonly items: Map<string, string> } {
  const items = new Map<string, string>()
  return { items, getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) }
}

test('what was found is found again by a later page, with the widened margin', () => {
  const storage = memory()
  new SelfCheckStore(storage).keep(environment(), WIDENED)
  expect(WIDENED.outcome).toBe('widened')
  expect(new SelfCheckStore(storage).find(environment())).toMatchObject({
    ...{ outcome: 'widened', margin: WIDENED.margin, sameRaces: 3, falseClaims: 0 },
  })
})

test('it is not believed for another engine, browser or version, nor after 30 days', () => {
  const storage = memory()
  new SelfCheckStore(storage, () => new Date('2026-11-01T00:00:00Z')).keep(environment(), WIDENED)
  const at = (date: string): SelfCheckStore => new SelfCheckStore(storage, () => new Date(date))
  expect(at('2026-11-30T00:00:00Z').find(environment())).toBeDefined()
  expect(at('2026-12-02T00:00:00Z').find(environment())).toBeUndefined()
  const today = at('2026-11-02T00:00:00Z')
  expect(today.find(environment({ browser: 'Chromium 157' }))).toBeUndefined()
  expect(today.find(environment({ appVersion: '0.2.0' }))).toBeUndefined()
  expect(today.find(environment({ engine: { ...environment().engine, threads: 2 } }))).toBeUndefined()
})

test('text that is not a self-check is ignored, and full storage keeps it for this page', () => {
  const storage = memory()
  const store = new SelfCheckStore({
    ...storage,
    setItem: () => {
      throw new Error('full')
    },
  })
  store.keep(environment(), WIDENED)
  expect(store.find(environment())).toBeDefined()
  for (const text of ['{', '{}', '{"margin":7}', '[]']) {
    storage.setItem('lathe.self-check.ort-wasm:1', text)
    expect(new SelfCheckStore(storage).find(environment())).toBeUndefined()
  }
})
