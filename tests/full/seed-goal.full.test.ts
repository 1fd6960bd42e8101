// The main job on all images: the goal that the project was started with, and four variants of both models.

import { beforeAll, describe, expect, it } from 'vitest'
import type { DemoModel } from '../../src/cli/run/demo'
import { buildLathe, latheJson } from '../cli/run-lathe'

const SECONDS = '180'
let models: readonly DemoModel[]

beforeAll(async () => {
  await buildLathe()
  models = (await latheJson('demo', '--full', '--seconds', SECONDS))['models'] as readonly DemoModel[]
}, 2_400_000)

describe('the ResNet as static int8 with uint8 activations, WASM, 1 thread', () => {
  const variant = () => models[0]?.variants.find(({ name }) => name === 'int8-static')

  it('takes at most 0.27 of the size', () => expect(variant()?.sizeRatio).toBeLessThanOrEqual(0.27))

  it('runs in at most 0.65 of the time, with an interval below 0.7', () => {
    const latency = variant()?.latency
    expect(latency?.verdict).toBe('faster')
    expect(latency?.ratio).toBeLessThanOrEqual(0.65)
    expect(latency?.ci95?.[1]).toBeLessThan(0.7)
  })

  it('loses at most 0.5 points of accuracy on all 10,000 images', () => {
    const accuracy = variant()?.answers?.accuracy
    expect(accuracy?.n).toBe(10_000)
    expect(accuracy?.a).toBeGreaterThanOrEqual(0.92)
    expect(accuracy?.difference).toBeGreaterThanOrEqual(-0.005)
  })
})

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

  it('judges the mobile classifier by agreement on at least 200 crops in groups', () => {
    for (const { answers, timing } of models[1]?.variants.slice(1) ?? []) {
      expect(answers?.agreement?.n).toBeGreaterThanOrEqual(200)
      expect(answers?.agreement?.clusters).toBeGreaterThanOrEqual(5)
      expect(timing.fidelity?.outputs[0]?.sqnrDb).toBeGreaterThan(10)
    }
  })
})
