// The latency part of the goal that the project was started with, by the procedure of docs/measuring.md: static int8 with uint8 activations
// against the original ResNet, plain WASM in Node, one thread.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import type { BenchRatio } from '../../src/cli/run/bench-result'
import { buildLathe, latheJson } from '../cli/run-lathe'
import { makeVariant } from './variants'

const MODEL = 'zoo:fashion-resnet'
/** Room for 256 blocks of about 150 ms: a first look after 41 of them. */
const SECONDS = '60'

const folder = mkdtempSync(join(tmpdir(), 'lathe-latency-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(buildLathe)

// A machine that does something else meanwhile widens the interval; once it may be asked again.
test('int8-static takes at most 0.65 of the time, with an interval below 0.7', { retry: 1 }, async () => {
  const { path } = await makeVariant({
    ...{ model: MODEL, recipe: 'int8-static', data: 'zoo:fashion-mnist-calibration', folder },
  })
  const answer = await latheJson('bench', MODEL, path, '--data', 'zoo:fashion-mnist', '--seconds', SECONDS)
  const [measured] = answer['ratios'] as readonly BenchRatio[]
  const { ratio, ci95, verdict, blocks, looks, restarts } = measured!
  const interval = ci95?.map((end) => end.toFixed(3)).join('…') ?? 'none'
  console.log(
    `latency ratio ${ratio?.toFixed(3)} (${interval}), ${blocks} blocks, ${looks} looks, ${restarts} restarts`,
  )
  expect(verdict).toBe('faster')
  expect(ratio).toBeLessThanOrEqual(0.65)
  expect(ci95?.[1]).toBeLessThan(0.7)
})
