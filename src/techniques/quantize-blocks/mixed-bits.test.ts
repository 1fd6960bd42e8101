// Bits under a budget: who gets few first, what is kept, and what is said.

import { expect, test } from 'vitest'

import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { intAttribute } from '../../core/model/node'
import { defaultOptions } from '../../core/options/parse-options'
import { seededRng } from '../../core/numeric/rng'
import type { CalibrationData } from '../../core/pass/pass-context'
import { apply } from './apply'
import type { BlockWeight } from './block-weight'
import { shareBits, type SharedBits } from './mixed-bits'
import { planBlocks } from './plan'
import { spec } from './spec'

const K = 64
/** Codes, 2 · 4 bytes of scales and 1 or 2 of zero points for each of 64 rows. */
const BYTES = { 4: 64 * (32 + 8 + 1), 8: 64 * (64 + 8 + 2) }

/** Three products in a row. `outlier` is what all outputs of the first give to its first input channel. */
function chain(outlier = 0) {
  const rng = seededRng(1)
  const weights = Array.from({ length: 3 }, () => Array.from({ length: K * K }, () => rng.normal() / 8))
  weights[0]?.fill(outlier, 0, K)
  const [a, b, c] = weights.map((values) => tensor('float32', [K, K], values))
  if (!a || !b || !c) throw new Error('three weights were expected')
  return buildModel({
    ...{ inputs: { x: ['float32', ['rows', K]] }, outputs: { y: ['float32', ['rows', K]] } },
    initializers: { a, b, c },
    nodes: [node('MatMul', ['x', 'a'], ['p']), node('MatMul', ['p', 'b'], ['q']), node('MatMul', ['q', 'c'], ['y'])],
  })
}

async function share(outlier: number, budget: number, calibration?: CalibrationData): Promise<SharedBits> {
  const model = chain(outlier)
  const { weights } = await planBlocks(model, defaultOptions(spec.options))
  const inputs = ['x', 'p', 'q']
  const budgeted = weights.map((weight, i) => ({ weight, input: { value: inputs[i] ?? '', k: K } }))
  const grid = { bits: 4 as const, blockSize: 32, symmetric: false }
  const samples = calibration && { data: calibration, count: 4 }
  return shareBits(model, budgeted, { bytes: budget, low: grid, samples }, testContext())
}

const byName = ({ bits }: SharedBits): Record<string, number> =>
  Object.fromEntries(
    [...bits].map(
      ([
        {
          tensor: { name },
        },
        value,
      ]: readonly [BlockWeight, number]) => [name, value],
    ),
  )

test('nothing is lowered while the budget holds all in 8 bits, and a byte less lowers one', async () => {
  const all = await share(0, 3 * BYTES[8])
  expect(byName(all)).toEqual({ a: 8, b: 8, c: 8 })
  const less = await share(0, 3 * BYTES[8] - 1)
  expect(Object.values(byName(less)).filter((bits) => bits === 4)).toHaveLength(1)
  expect(less.notes[0]?.text).toContain('1 of 3 weights have 4 bits')
})

test('without data the weight with the largest 8-bit error goes first, as in NNCF', async () => {
  expect(byName(await share(30, 3 * BYTES[8] - 1))).toEqual({ a: 4, b: 8, c: 8 })
})

test('with samples the weight whose rounding adds the most noise to its output goes last: outliers of a silent channel widen blocks for nothing', async () => {
  const rng = seededRng(9)
  const calibration: CalibrationData = {
    ...{ source: 'test', size: 4 },
    sample: () =>
      Promise.resolve({
        x: floats(
          [8, K],
          Array.from({ length: 8 * K }, (_, i) => (i % K === 0 ? 0 : rng.normal())),
        ),
      }),
  }
  expect(byName(await share(30, BYTES[4] + 2 * BYTES[8], calibration))).toEqual({ a: 8, b: 4, c: 8 })
})

test('the last weight keeps 8 bits even where that breaks the budget, and the note says so', async () => {
  const shared = await share(0, 1)
  expect(byName(shared)).toEqual({ a: 4, b: 4, c: 8 })
  expect(shared.notes).toMatchObject([{ kind: 'warning' }])
  expect(shared.notes[0]?.text).toContain(`${((2 * BYTES[4] + BYTES[8]) / 1e6).toFixed(2)} MB`)
})

test('the step stores as many bits as the budget allows, and the nodes say which', async () => {
  const budgetMb = (2 * BYTES[4] + BYTES[8]) / 1e6
  const options = { ...defaultOptions(spec.options), budgetMb }
  const { model, notes } = await apply(chain(), options, testContext())
  const bits = model.graph.nodes.map((made) => intAttribute(made, 'bits', undefined))
  expect(bits).toEqual([4, 4, 8])
  expect(notes.map(({ text }) => text)).toContain(
    '2 of 3 weights have 4 bits and the others 8: 0.01 MB of a budget of 0.01 MB.',
  )
})
