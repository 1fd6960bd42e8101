// What `bench` makes of the checks and the race, with a laboratory that answers as told.

import { describe, expect, it } from 'vitest'
import type { LatencyJobResult } from '../../workers/host/protocol'
import type { Laboratory } from '../../src/cli/laboratory'
import { measureBench } from '../../src/cli/run/measure-bench'
import type { EngineFacts } from '../../src/engines/engine'
import type { EngineCheck } from '../../src/measure/engine-check'

const check = (ok: boolean): EngineCheck => ({
  ok,
  precision: 'float32',
  samples: 8,
  outputs: [],
  failing: ok ? null : 'y',
})
const facts: EngineFacts = { id: 'ort-wasm', runtime: 'runtime 1', build: 'wasm', threads: 1, selfTests: [] }

function race(models: readonly number[]): LatencyJobResult {
  const latency = (medianMs: number) => ({
    ...{ medianMs, q1Ms: medianMs, q3Ms: medianMs, minMs: medianMs, maxMs: medianMs, slotValuesMs: [], runs: 50 },
    ...{ warmUpRuns: 60, switchMedianMs: medianMs, runsPerSlot: 5, isBatched: false },
  })
  return {
    comparison: {
      variants: models.map((model) => latency(10 + model)),
      pairs: models.slice(1).map((model, index) => ({
        ...{ a: 0 as const, b: index + 1, ratio: 1 + model / 10, ci95: [1, 1.5] as const, verdict: 'slower' as const },
        ...{ stopped: 'clear' as const, blocks: 20, looks: 1, blockDifferences: [] },
      })),
      ...{
        restarts: 1,
        voidedBlocks: { disturbed: 0, restarted: 0 },
        plannedBlocks: 20,
        timerStepMs: 0.005,
        budgetMs: 1000,
      },
      ...{ margin: 0.02, warmUp: { minRuns: 60, minMs: 3000 }, warmUpMs: 3000, samplingMs: 1000, drift: null },
    },
    variants: models.map((model) => ({ label: String(model), loadMs: 1, sessionMs: 2, firstRunMs: 3 + model })),
    ...{ isSynthetic: true, freeDimensions: { batch: 1 }, environment: environment(facts) },
  }
}

const environment = (engine: EngineFacts) => ({
  ...{ engine, where: 'node' as const, crossOriginIsolated: false, timerStepMs: 0.005, hardwareConcurrency: 2 },
  ...{ pageVisible: true, browser: 'Node 20', appVersion: '0' },
})

/** `right`: which models pass their check. Notes which models were raced. */
function laboratory(right: readonly boolean[], engine = facts): { lab: Laboratory; races: (readonly number[])[] } {
  const races: (readonly number[])[] = []
  const lab: Laboratory = {
    start: () => Promise.resolve({ facts: engine, environment: environment(engine) }),
    engineCheck: (model) => Promise.resolve(check(right[model] ?? false)),
    bisect: () => Promise.resolve({ kind: 'not-found', reason: 'nothing to look at' }),
    fidelity: () =>
      Promise.resolve({
        fidelity: { samples: 8, outputs: [], topOneAgreement: 1, topOneAgrees: [] },
        isSynthetic: true,
      }),
    compareLatency: (models) => {
      races.push(models)
      return Promise.resolve(race(models))
    },
    predict: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  }
  return { lab, races }
}
const request = (...files: string[]) => ({ engine: 'ort-wasm:1', files, seconds: 1, margin: 0.02 })

describe('a bench', () => {
  it('leaves a variant with wrong answers out of the race and shows no speed for it', async () => {
    const { lab, races } = laboratory([true, false, true])
    const bench = await measureBench(lab, request('a', 'b', 'c'))
    expect(races).toEqual([[0, 2]])
    expect(bench.ratios).toMatchObject([
      { a: 'a', b: 'b', verdict: 'wrong', ratio: null, ci95: null, stopped: null, blocks: 0 },
      { a: 'a', b: 'c', verdict: 'slower', ratio: 1.2, stopped: 'clear', blocks: 20, restarts: 1 },
    ])
    expect(bench.variants.map(({ medianMs, firstRunMs, n }) => [medianMs, firstRunMs, n])).toEqual([
      [10, 3, 50],
      [null, null, 0],
      [12, 5, 50],
    ])
  })

  it('times nothing when the original answers wrong', async () => {
    const { lab, races } = laboratory([false, true])
    const bench = await measureBench(lab, request('a', 'b'))
    expect(races).toEqual([])
    expect(bench.ratios).toMatchObject([{ verdict: 'wrong', ratio: null }])
  })

  it('times nothing on a GPU that is emulated in software, and says why', async () => {
    const adapter = { vendor: 'v', architecture: 'swiftshader', isSoftware: true, hasFloat16: false }
    const { lab, races } = laboratory([true, true], { ...facts, id: 'ort-webgpu', build: 'jspi', adapter })
    const bench = await measureBench(lab, request('a', 'b'))
    expect(races).toEqual([])
    expect(bench.ratios).toMatchObject([{ verdict: 'undecided', ratio: null, stopped: null }])
    expect(bench.warnings).toEqual(['The GPU is emulated in software: nothing was timed on it.'])
  })

  it('races a lone file against a second session of itself', async () => {
    const { lab, races } = laboratory([true])
    const bench = await measureBench(lab, request('a'))
    expect(races).toEqual([[0, 0]])
    expect(bench).toMatchObject({
      ratios: [],
      selfCheck: { a: 'a', b: 'a', verdict: 'slower' },
      variants: [{ medianMs: 10 }],
    })
  })
})
