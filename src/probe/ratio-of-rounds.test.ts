import { expect, test } from 'vitest'

import { seededRng } from '../core/numeric/rng'
import { ratioOfRounds } from './ratio-of-rounds'

test('what slows a round down for everybody cancels out', () => {
  const rng = seededRng(3)
  const reference = Array.from({ length: 20 }, () => 1 + 4 * rng.next())
  const ratio = ratioOfRounds(
    reference.map((time) => 0.4 * time),
    reference,
  )
  for (const figure of [ratio?.value, ratio?.low, ratio?.high]) expect(figure).toBeCloseTo(0.4, 12)
})

test('the interval covers the truth about as often as it says', () => {
  const rng = seededRng(5)
  const noisy = (mean: number): number[] => Array.from({ length: 10 }, () => mean * Math.exp(0.2 * rng.normal()))
  let covered = 0
  for (let i = 0; i < 1000; i++) {
    const ratio = ratioOfRounds(noisy(3), noisy(2))
    if (ratio && ratio.low <= 1.5 && ratio.high >= 1.5) covered++
  }
  expect(covered).toBeGreaterThan(930)
})

test('too few rounds have no interval', () => {
  expect(ratioOfRounds([1, 1, 1, 1, 1], [1, 1, 1, 1, 1])).toBeUndefined()
})
