// Over a real report: `compareLatency` on a clock that moves only when a model runs.

import { expect, test } from 'vitest'
import { noisy, syntheticRace } from '../../../tests/fixtures/synthetic-race'
import { compareLatency } from '../../measure/compare-latency'
import type { RunRecord } from './run-record'
import { benchCommand, caveatsOf, whyBelieve } from './why-believe'

async function record(change: object = {}, residency: 'cpu' | 'gpu' = 'cpu'): Promise<RunRecord> {
  const noise = noisy(3)
  const comparison = await compareLatency(syntheticRace((variant) => noise(variant === 0 ? 10 : 5)).request)
  return {
    original: { name: 'my model.onnx' },
    engine: { facts: { id: 'ort-wasm', threads: 2 } },
    engineChecks: [{ samples: 8 }, { samples: 8 }],
    latency: { comparison, residency },
    ...change,
  } as unknown as RunRecord
}
const KEPT = {
  ...{ checkedAt: '2026-11-24T10:00:00.000Z', outcome: 'widened', margin: 0.06 },
  ...{ sameRaces: 6, falseClaims: 1, knownRaces: 3, found: 3, isSensitive: true },
} as const

test('the numbers of the run are filled in', async () => {
  const run = await record()
  const text = Object.fromEntries(whyBelieve(run).map(({ title, text }) => [title, text]))
  const { variants, plannedBlocks, pairs } = run.latency!.comparison
  expect(text['Warm-up']).toContain(`${variants[0]!.warmUpMs.length} and ${variants[1]!.warmUpMs.length} runs`)
  expect(text['In turn, by a coin']).toContain(`${pairs[0]!.blocks} blocks count`)
  expect(text['Few looks, planned before']).toContain(`room for ${plannedBlocks} blocks`)
  expect(text['The floor']).toContain('±1 %')
  expect(text['This device']).toContain('Not checked yet')
})

test('a self-check that widened the floor is told here and beside the verdict', async () => {
  const run = await record({ selfCheck: KEPT })
  expect(whyBelieve(run).at(-1)?.text).toContain('1 false claim in 6 races')
  expect(caveatsOf(run)).toEqual([
    'Self-check of 2026-11-24: Equal sessions differ here, so differences up to 6 % mean nothing.',
  ])
  expect(caveatsOf(await record({ selfCheck: { ...KEPT, outcome: 'kept' } }))).toEqual([])
})

test('values that stayed on the GPU are said beside the verdict', async () =>
  expect(caveatsOf(await record({}, 'gpu'))).toEqual(['GPU-resident: without upload and readback.']))

test('the terminal command has the engine, the time and the margin, and quotes names', async () => {
  expect(benchCommand(await record())).toBe(
    "npm run lathe -- bench 'my model.onnx' variant.onnx --engine ort-wasm:2 --where browser --seconds 10 --margin 0.02",
  )
  expect(benchCommand(await record({ latency: undefined }))).toBeNull()
})

test('nothing is claimed before something was timed', async () =>
  expect(whyBelieve(await record({ latency: undefined }))).toEqual([]))
