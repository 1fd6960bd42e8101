import { expect, test } from 'vitest'

import type { BestRecord } from './best-record'
import { BEST_STAGES } from './best-run'
import { bestRows, wholeOf } from './best-view'

const candidate = (name: string, expectedRatio: number | null) => ({
  ...{ name, label: name.toUpperCase(), steps: [], expectedRatio, expectedSizeRatio: 0.25, why: `why ${name}` },
})
const fidelity = (sqnrDb: number | null, isIdentical = false) => ({
  fidelity: { samples: 8, topOneAgreement: null, outputs: [{ name: 'y', sqnrDb, isIdentical }] },
})
/** As far as the rows read it. */
const recordWith = (part: object): BestRecord =>
  ({
    goal: 'speed',
    original: { summary: { sizeBytes: 1000 } },
    advice: { candidates: [candidate('a', 0.5), candidate('b', null)], dropped: [], hypotheses: [] },
    contenders: [],
    ...part,
  }) as unknown as BestRecord

test('before anything is built a row holds what is expected, and that nothing is known where the probe does not tell', () => {
  expect(bestRows(recordWith({}))).toEqual([
    {
      ...{ name: 'a', label: 'A', why: 'why a', expected: '0.50', size: { ratio: 0.25, bytes: null } },
      ...{ time: null, answers: '–', place: 'waiting', reason: null },
    },
    expect.objectContaining({ name: 'b', expected: 'not known' }),
  ])
})

test('built sizes replace expected ones, and a failure stands as the reason', () => {
  const [a, b] = bestRows(
    recordWith({
      contenders: [
        {
          candidate: candidate('a', 0.5),
          compression: { summary: { sizeBytes: 300 } },
          ...{ fidelity: fidelity(31.26) },
        },
        { candidate: candidate('b', null), failure: 'It cannot.' },
      ],
    }),
  )
  expect(a).toMatchObject({ size: { ratio: 0.3, bytes: 300 }, place: 'built', answers: '31.3 dB, n = 8' })
  expect(b).toMatchObject({ place: 'built', reason: 'It cannot.', size: { ratio: 0.25, bytes: null } })
})

test('figures of the race go to those who raced, by their place in it', () => {
  const pair = { ratio: 0.7, ci95: [0.6, 0.8], blocks: 20, verdict: 'faster' }
  const comparison = { difference: -0.004, ci95: [-0.01, 0.002] }
  const rows = bestRows(
    recordWith({
      contenders: [
        { candidate: candidate('a', 0.5), check: { ok: false } },
        {
          ...{ candidate: candidate('b', null), check: { ok: true }, fidelity: fidelity(null, true) },
          accuracy: { kind: 'labelled', measured: 500, comparison },
        },
      ],
      raced: ['b'],
      latency: { comparison: { pairs: [pair] } },
      verdict: {
        standings: [
          { name: 'a', label: 'A', place: 'lost', reason: { kind: 'wrong-answers', output: 'y' } },
          { name: 'b', label: 'B', place: 'winner', reason: null },
        ],
      },
    }),
  )
  expect(rows[0]).toMatchObject({
    time: null,
    place: 'lost',
    reason: expect.stringContaining('wrong answers') as string,
  })
  expect(rows[1]).toMatchObject({ time: pair, place: 'winner', reason: null })
  expect(rows[1]?.answers).toBe('−0.4 points (−1.0 to +0.2), n = 500')
})

test('identical and incomparable answers have words', () => {
  const answersOf = (found: object) =>
    bestRows(recordWith({ contenders: [{ candidate: candidate('a', 0.5), fidelity: found }] }))[0]?.answers
  expect(answersOf(fidelity(null, true))).toBe('identical, n = 8')
  expect(answersOf(fidelity(null))).toBe('not comparable, n = 8')
})

test('the stages follow one another from 0 to 1', () => {
  expect(wholeOf('engine', 0)).toBe(0)
  expect(wholeOf('accuracy', 1)).toBeCloseTo(1, 12)
  BEST_STAGES.slice(1).forEach((stage, index) => {
    expect(wholeOf(stage, 0)).toBeCloseTo(wholeOf(BEST_STAGES[index] ?? 'engine', 1), 12)
  })
})
