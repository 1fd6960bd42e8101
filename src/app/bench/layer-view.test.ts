import { expect, test } from 'vitest'

import type { ActivationError } from '../../sensitivity/activation-errors'
import type { LayerError } from '../../sensitivity/layer-errors'
import type { Sensitivity } from '../../sensitivity/sensitivity'
import { decibels, layerSentence, layerView, nats, tensorRows } from './layer-view'

const layer = (name: string, sqnrDb: number, kl: number | null): LayerError => ({
  ...{ name, opType: 'Conv', sqnrDb, kl, metricDrop: kl === null ? null : 0 },
})
const activation = (name: string, node: string, accumulatedDb: number): ActivationError => ({
  ...{ name, node, opType: 'Conv', localDb: 40, accumulatedDb },
})
const found: Sensitivity = {
  technique: 'quantize-static',
  stepIndex: 1,
  samples: 16,
  weights: [
    { name: 'w1', sqnrDb: 41, bits: 8, readers: ['a'] },
    { name: 'w2', sqnrDb: 12, bits: 4, readers: ['b'] },
    { name: 'r2', sqnrDb: 30, bits: 8, readers: ['b'] },
  ],
  activations: [
    activation('x', '', 42),
    activation('ya', 'a', 40),
    activation('mid', 'relu', 15),
    activation('yb', 'b', 11),
  ],
  firstBroken: 'mid',
  layers: [layer('a', 45, 0.001), layer('b', 12, 0.25), layer('c', 25, 0.05)],
}

test('bars are drawn from zero, relative to the tallest, and the mark stands at the layer where exactness is lost', () => {
  const { rows, measure, most, brokenAt } = layerView(found)
  expect(measure).toBe('kl')
  expect(most).toBe(0.25)
  expect(rows.map(({ height }) => height)).toEqual([0.004, 1, 0.2])
  expect(rows.map(({ severity }) => severity)).toEqual(['small', 'hurts', 'noticeable'])
  expect(brokenAt).toBe(1)
})

test('a layer is shown with the least exact of its weights', () => {
  const [, b, c] = layerView(found).rows
  expect(b).toMatchObject({ weightDb: 12, bits: 4, weights: ['w2', 'r2'] })
  expect(c).toMatchObject({ weightDb: null, bits: null, weights: [] })
})

test('without class scores the bars are noise, and an answer that is no number is the tallest and hurts', () => {
  const { measure, rows, brokenAt } = layerView({
    ...{ ...found, firstBroken: null },
    layers: [layer('a', 40, null), layer('b', 20, null), layer('c', NaN, null)],
  })
  expect(measure).toBe('noise')
  expect(rows[0]?.height).toBeCloseTo(0.1, 9)
  expect(rows.slice(1).map(({ height, severity }) => [height, severity])).toEqual([
    [1, 'noticeable'],
    [1, 'hurts'],
  ])
  expect(brokenAt).toBe(-1)
})

test('a network without layers has a sentence of its own, and one without loss has bars of no height', () => {
  expect(layerSentence(layerView({ ...found, layers: [] }))).toContain('no layer to blame')
  const harmless = layerView({ ...found, layers: [layer('a', 300, 0), layer('b', 300, -1e-18)] })
  expect(harmless.rows.map(({ height }) => height)).toEqual([0, 0])
  expect(layerSentence(harmless)).toContain('No layer hurts')
  expect(layerSentence(layerView(found))).toBe('1 of 3 layers hurts, b the most.')
})

test('numbers are written as a person reads them', () => {
  expect([decibels(null), decibels(312), decibels(-3.04), decibels(NaN)]).toEqual([
    '–',
    'exact',
    '−3.0',
    'not a number',
  ])
  expect([nats(null), nats(0.25), nats(3.14e-5), nats(-1e-17)]).toEqual(['–', '0.250', '3.1e−5', '0'])
  expect(tensorRows(found).map(({ kind }) => kind)).toEqual([
    ...Array(4).fill('activation'),
    ...Array(3).fill('weight'),
  ])
})
