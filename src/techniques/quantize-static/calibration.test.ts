// What the technique does with data and with ranges that a recipe holds. How ranges are measured is tested in core/calibration.

import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { LabError } from '../../core/errors/lab-error'
import { encodeParts } from '../../core/onnx/encode-parts'
import { defaultOptions } from '../../core/options/parse-options'
import type { CalibrationData, PassContext } from '../../core/pass/pass-context'
import { apply } from './apply'
import { spec } from './spec'

const DEFAULTS = defaultOptions(spec.options)

const wave = (count: number, step: number): number[] => Array.from({ length: count }, (_, i) => Math.sin(i * step))

/** x → Gemm → Relu → Gemm → y: the ranges of x and of the Relu are needed. */
const model = buildModel({
  inputs: { x: ['float32', [4, 32]] },
  outputs: { y: ['float32', [4, 2]] },
  initializers: { w: tensor('float32', [32, 8], wave(256, 1)), v: tensor('float32', [8, 2], wave(16, 2)) },
  nodes: [node('Gemm', ['x', 'w'], ['h']), node('Relu', ['h'], ['r']), node('Gemm', ['r', 'v'], ['y'])],
})

const samples = (...rows: readonly (readonly number[])[]): CalibrationData => ({
  source: 'test',
  size: rows.length,
  sample: (index) => Promise.resolve({ x: floats([4, 32], rows[index] ?? []) }),
})
/** The first number and 127 others. */
const row = (first: number, rest = 0): number[] => [first, ...Array<number>(127).fill(rest)]

describe('calibration', () => {
  it('folds ranges over the samples and records which ones it used', async () => {
    const calibration = samples(row(-1), row(5), row(2))
    const result = await apply(model, DEFAULTS, testContext({ calibration }))
    expect(result.calibration).toMatchObject({ source: 'test', indices: [0, 1, 2], ranges: { x: [-1, 5] } })
    // Row 0 of w times 5 is the largest that the Relu lets through.
    const largest = Math.max(...wave(8, 1).map((value) => Math.fround(5 * Math.fround(value))))
    expect(result.calibration?.ranges['r']).toEqual([0, largest])
  })

  it('gives the same bytes from its ranges as from its data', async () => {
    const measured = await apply(model, DEFAULTS, testContext({ calibration: samples(wave(128, 3)) }))
    const ranges = measured.calibration?.ranges ?? {}
    const again = await apply(model, DEFAULTS, testContext({ ranges }))
    expect(again.calibration).toBeUndefined()
    expect(encodeParts(again.model)).toEqual(encodeParts(measured.model))
  })

  it('refuses to run without data or ranges, and offers other ways', async () => {
    await expect(apply(model, DEFAULTS, testContext())).rejects.toThrowError(
      expect.objectContaining({ code: 'recipe/needs-calibration', message: expect.stringMatching(/dynamically/) }),
    )
  })

  it('names the value that stored ranges lack', async () => {
    const context = testContext({ ranges: { x: [-1, 1] } })
    await expect(apply(model, DEFAULTS, context)).rejects.toThrowError(
      expect.objectContaining({ code: 'recipe/needs-calibration', details: { tensor: 'r' } }),
    )
  })

  it.each([NaN, Infinity, -Infinity])(
    'names the value that takes %d, also where a reduction would swallow it',
    async (value) => {
      const calibration = samples(row(value, 1))
      await expect(apply(model, DEFAULTS, testContext({ calibration }))).rejects.toThrowError(
        expect.objectContaining({ code: 'data/invalid', details: { tensor: 'x' } }),
      )
    },
  )

  it('stops at a cancel and closes its session', async () => {
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    let isClosed = false
    const infer: PassContext['infer'] = {
      open: () =>
        Promise.resolve({
          inputNames: [],
          outputNames: [],
          run: () => Promise.resolve({}),
          close: () => {
            isClosed = true
            return Promise.resolve()
          },
        }),
    }
    const context = testContext({ calibration: samples(row(1)), checkpoint: () => Promise.reject(cancelled), infer })
    await expect(apply(model, DEFAULTS, context)).rejects.toBe(cancelled)
    expect(isClosed).toBe(true)
  })
})
