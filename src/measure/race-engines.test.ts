// Races of engines that live elsewhere, here on a clock that only moves when one of them runs.

import { describe, expect, it } from 'vitest'

import { LabError } from '../core/errors/lab-error'
import { seededRng } from '../core/numeric/rng'
import type { EnvironmentRecord } from '../engines/environment-record'
import { FAKE_FACTS } from '../../tests/fixtures/fake-engine'
import { localContender, remoteReport } from './contender'
import { raceEngines, type EngineRaceRequest, type RemoteEngine } from './race-engines'

const environment = (threads: number, timerStepMs = 0.005): EnvironmentRecord =>
  ({ engine: { ...FAKE_FACTS, threads }, timerStepMs }) as EnvironmentRecord
const OPENED = { cold: { label: '', loadMs: 1, sessionMs: 2, firstRunMs: 3 }, isSynthetic: true, freeDimensions: {} }
const CHECK = { ok: true, precision: 'float32', samples: 8, outputs: [], failing: null } as const

interface Stage {
  readonly ended: string[]
  readonly pauses: number[]
  /** An engine whose every run takes `ms`. */
  engine(ms: number, change?: Partial<RemoteEngine>): RemoteEngine
  run(engines: readonly RemoteEngine[], change?: Partial<EngineRaceRequest>): ReturnType<typeof raceEngines>
}

function stage(): Stage {
  let time = 0
  const noise = seededRng(1)
  const now = (): number => time
  const checkpoint = (): Promise<void> => Promise.resolve()
  const [ended, pauses]: [string[], number[]] = [[], []]
  return {
    ended,
    pauses,
    engine: (ms, change = {}) => {
      const { threads = 1, name = `ort-wasm:${threads}` } = change
      const run = async (): Promise<void> => void (time += ms * Math.exp(0.02 * noise.normal()))
      return {
        ...localContender({ run, inputCount: 1, now, checkpoint }),
        ...{ name, engine: 'ort-wasm', threads },
        start: () => Promise.resolve(environment(threads)),
        check: () => Promise.resolve(CHECK),
        open: () => Promise.resolve(OPENED),
        end: () => Promise.resolve(void ended.push(name)),
        ...change,
      }
    },
    run: (engines, change) =>
      raceEngines({
        ...{ engines, now, checkpoint, budgetMs: 8000, rng: seededRng(2) },
        progress: () => undefined,
        pause: (ms) => Promise.resolve(void pauses.push(ms)),
        ...change,
      }),
  }
}

describe('a race of engines', () => {
  it('ranks them by one comparison, whatever the order they were asked in', async () => {
    const { engine, run, ended } = stage()
    const race = await run([engine(10), engine(6, { threads: 2 }), engine(14, { threads: 3 })])
    expect(race.entries.map(({ name, speed }) => [name, speed?.rank, speed?.verdict])).toEqual([
      ['ort-wasm:2', 1, 'faster'],
      ['ort-wasm:1', 2, 'same'],
      ['ort-wasm:3', 3, 'slower'],
    ])
    expect(race.entries[0]?.speed?.ratio).toBeCloseTo(0.6, 1)
    expect(race.comparison?.variants).toHaveLength(3)
    expect(race.entries.every(({ status, reason, cold }) => status === 'timed' && !reason && cold)).toBe(true)
    expect(ended).toEqual(['ort-wasm:1', 'ort-wasm:2', 'ort-wasm:3'])
  })

  it('shows no speed for wrong answers, software, other threads and what does not start, and says why', async () => {
    const { engine, run } = stage()
    const adapter = { isSoftware: true } as NonNullable<EnvironmentRecord['engine']['adapter']>
    const software = { ...environment(1), engine: { ...FAKE_FACTS, adapter } }
    const { entries } = await run([
      engine(5, { name: 'wrong', check: () => Promise.resolve({ ...CHECK, ok: false, failing: 'y' }) }),
      engine(5, { name: 'software', start: () => Promise.resolve(software) }),
      engine(5, { name: 'single', threads: 4, start: () => Promise.resolve(environment(1)) }),
      engine(5, { name: 'gone', start: () => Promise.reject(new LabError('engine/unavailable', 'No adapter.')) }),
      engine(5, { name: 'refusing', open: () => Promise.reject(new LabError('model/unsupported', 'No kernel.')) }),
      engine(10),
      engine(10, { name: 'twin' }),
    ])
    expect(entries.slice(2).map(({ name, status, speed, cold }) => [name, status, speed, cold])).toEqual([
      ['wrong', 'wrong', null, null],
      ['software', 'software', null, null],
      ['single', 'unavailable', null, null],
      ['gone', 'unavailable', null, null],
      ['refusing', 'unavailable', null, null],
    ])
    expect(entries.slice(2).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/wrong: y/),
      expect.stringMatching(/software/),
      expect.stringMatching(/1 threads here, not with 4/),
      'No adapter.',
      'No kernel.',
    ])
    // What the ratios are relative to is the first that could be timed.
    expect(
      entries
        .slice(0, 2)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['ort-wasm:1', 'twin'])
    expect(entries.find(({ name }) => name === 'ort-wasm:1')?.speed?.contender).toBe(0)
  })

  it('of one engine times nothing', async () => {
    const { engine, run } = stage()
    const { entries, comparison } = await run([engine(10)])
    expect(comparison).toBeNull()
    expect(entries).toMatchObject([{ status: 'alone', speed: null, reason: expect.stringMatching(/no other/) }])
  })

  it('tells how long the warm-up lasts, also where only a share is known', async () => {
    const { engine, run } = stage()
    const [a, b] = [engine(10), engine(10, { name: 'b' })]
    const seen: string[] = []
    const warmUp: RemoteEngine['warmUp'] = (rule, report) => {
      remoteReport(rule, report, () => 0)(0.001)
      return a.warmUp(rule, () => undefined)
    }
    await run([{ ...a, warmUp }, b], { progress: (_, what) => seen.push(what) })
    expect(seen.filter((what) => what.startsWith('Warming up'))[0]).toMatch(/at most \d+ s left/)
  })

  it('plans slots for the coarsest clock', async () => {
    const { engine, run } = stage()
    const start = () => Promise.resolve(environment(1, 0.1))
    const { comparison } = await run([engine(10), engine(10, { name: 'coarse', start })])
    expect(comparison?.timerStepMs).toBe(0.1)
  })

  it('waits until threads are quiet whenever another engine takes over, and not where there are none', async () => {
    const threaded = stage()
    const { comparison } = await threaded.run([threaded.engine(10), threaded.engine(10, { threads: 2 })])
    const order = comparison?.trace.map(({ variant }) => variant) ?? []
    const changes = order.filter((variant, index) => index > 0 && variant !== order[index - 1]).length
    // Both warm-ups, and the first slot unless it belongs to the one that was warm last.
    expect(threaded.pauses.length).toBeGreaterThanOrEqual(changes + 2)
    expect(threaded.pauses.length).toBeLessThanOrEqual(changes + 3)
    const single = stage()
    await single.run([single.engine(10), single.engine(10, { name: 'twin' })])
    expect(single.pauses).toEqual([])
  })

  it('ends every engine after a cancel, which comes through as it was thrown', async () => {
    const { engine, run, ended } = stage()
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    const cancelling = engine(5, { name: 'b', check: () => Promise.reject(cancelled) })
    await expect(run([engine(5), cancelling])).rejects.toBe(cancelled)
    expect(ended).toEqual(['ort-wasm:1', 'b'])
  })
})
