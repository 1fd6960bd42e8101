// The main job as `npm run demo` does it. The figures of the goal are held by latency.full.test.ts and accuracy.full.test.ts.

import { beforeAll, describe, expect, it } from 'vitest'
import type { DemoModel } from '../../src/cli/run/demo'
import { buildLathe, latheJson } from '../cli/run-lathe'

const SECONDS = '30'
let models: readonly DemoModel[]

beforeAll(async () => {
  await buildLathe()
  models = (await latheJson('demo', '--seconds', SECONDS))['models'] as readonly DemoModel[]
}, 2_400_000)

describe('the demo', () => {
  it('shows the original and at least three variants of both models, each right on its engine', () => {
    expect(models.map(({ model }) => model)).toEqual(['fashion-resnet', 'efficientnet-lite0'])
    for (const { variants } of models) {
      expect(variants.length).toBeGreaterThanOrEqual(4)
      for (const { timing, latency } of variants) {
        expect(timing.kernelCheck.ok).toBe(true)
        expect(timing.medianMs).toBeGreaterThan(0)
        expect(latency?.verdict).not.toBe('wrong')
      }
    }
  })

  it('compares accuracy on 2,000 images, with an interval around the difference', () => {
    for (const { answers } of models[0]?.variants.slice(1) ?? []) {
      expect(answers?.accuracy?.n).toBe(2000)
      const { difference, ci95 } = answers?.accuracy ?? { difference: NaN, ci95: [NaN, NaN] }
      expect(ci95[0]).toBeLessThan(difference)
      expect(ci95[1]).toBeGreaterThan(difference)
    }
  })

  it('judges the mobile classifier by agreement on at least 200 crops in groups', () => {
    for (const { answers, timing } of models[1]?.variants.slice(1) ?? []) {
      expect(answers?.agreement?.n).toBeGreaterThanOrEqual(200)
      expect(answers?.agreement?.clusters).toBeGreaterThanOrEqual(5)
      expect(timing.fidelity?.outputs[0]?.sqnrDb).toBeGreaterThan(10)
    }
  })
})
