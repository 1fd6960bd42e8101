// What `bench --sweep` makes of a race of engines: the answer and the ranked table, with a race that is made up.

import { expect, it } from 'vitest'
import { sweepAnswer } from '../../src/cli/run/sweep-answer'
import { describeSweep } from '../../src/cli/run/sweep-text'
import { byRank, engineSpeeds, type EngineRace, type EngineRaceEntry } from '../../src/measure/engine-race'
import { environment, toldLaboratory, WASM } from './told-laboratory'

const NAMES = ['ort-wasm:1', 'ort-wasm:2', 'ort-wasm:3']

/** Latencies 1, 0.6 and 0.6: two threads are faster than one, three as fast as two. */
async function race(): Promise<EngineRace> {
  const { lab } = toldLaboratory({ right: [true], ratio: () => 0.6 })
  const options = { seconds: 1, margin: 0.02 }
  const { comparison, variants } = await lab.compareLatency([0, 0, 0], 1, options)
  const speeds = engineSpeeds(comparison)
  const timed = NAMES.map((name, index): EngineRaceEntry => ({
    ...{ name, engine: 'ort-wasm', threads: index + 1, status: 'timed', reason: null, check: null },
    ...{ environment: environment(WASM), cold: variants[index] ?? null, speed: speeds[index] ?? null },
  }))
  const software: EngineRaceEntry = {
    ...{ name: 'ort-webgpu', engine: 'ort-webgpu', threads: 1, status: 'software' },
    ...{ reason: 'Its GPU is emulated in software.', environment: null, check: null, cold: null, speed: null },
  }
  const entries = [...timed, software].toSorted(byRank)
  return { entries, comparison, isSynthetic: true, freeDimensions: {} }
}
const facts = { file: 'a', kind: 'threads', data: undefined, margin: 0.02 } as const

it('engines are listed by rank, those that share one are as fast as can be told, and each has its own cold start', async () => {
  const { variants, ratios, sweep } = sweepAnswer(await race(), facts)
  expect(variants.map(({ engine, rank }) => [engine, rank])).toEqual([
    ['ort-wasm:2', 1],
    ['ort-wasm:3', 1],
    ['ort-wasm:1', 3],
    ['ort-webgpu', null],
  ])
  expect(variants[0]).toMatchObject({ file: 'a', loadMs: 1, firstRunMs: 3, medianMs: 10, n: 50 })
  expect(ratios).toMatchObject([
    { engine: 'ort-wasm:2', against: 'ort-wasm:1', ratio: 0.6, verdict: 'faster' },
    { engine: 'ort-wasm:3', against: 'ort-wasm:1', ratio: 0.6, verdict: 'faster' },
  ])
  expect(sweep.relativeTo).toBe('ort-wasm:1')
})

it('a GPU in software has no rank and no figure, and the reason stands below', async () => {
  const answer = sweepAnswer(await race(), facts)
  expect(answer.variants[3]).toMatchObject({ medianMs: null, n: 0, drift: null })
  const text = describeSweep(answer)
  expect(text).toMatch(/^ {3}– {2}ort-webgpu .* software$/m)
  expect(text).toContain('ort-webgpu: Its GPU is emulated in software.')
})

it('the curve over threads has a bar to the low end of each interval and a lighter one to its high end', async () => {
  const text = describeSweep(sweepAnswer(await race(), facts))
  expect(text).toMatch(/^ort-wasm:1 {2}1\.00× {2}█{24}$/m)
  expect(text).toMatch(/^ort-wasm:2 {2}1\.67× {2}█{39}░$/m)
})

it('without two engines that can be timed there is no ratio, no curve and no claim', async () => {
  const { entries } = await race()
  const alone = { entries: entries.slice(3), comparison: null, isSynthetic: true, freeDimensions: {} }
  const answer = sweepAnswer(alone, facts)
  expect(answer).toMatchObject({ ratios: [], races: [], sweep: { relativeTo: null } })
  expect(describeSweep(answer)).not.toContain('×')
})
