import { expect, it } from 'vitest'
import { seededRng } from '../core/numeric/rng'
import { measureTimerStep } from './timer-step'

/** A clock that moves by `readMs` a reading and shows whole steps only. */
const coarse = (stepMs: number, readMs: number) => {
  let exact = 0
  return () => Math.floor((exact += readMs) / stepMs) * stepMs
}

it('the step of a clock is found, be it coarse or fine', () => {
  expect(measureTimerStep(coarse(0.1, 0.0007))).toBeCloseTo(0.1, 9)
  expect(measureTimerStep(coarse(0.005, 0.0003))).toBeCloseTo(0.005, 9)
  expect(measureTimerStep(coarse(1, 0.01))).toBeCloseTo(1, 9)
})

it('a jittered step is found by its smallest size', () => {
  const rng = seededRng(1)
  let [exact, shown, next] = [0, 0, 0.1]
  const step = measureTimerStep(() => {
    exact += 0.001
    if (exact >= next) [shown, next] = [next, next + 0.1 + (rng.below(2) === 0 ? 0.1 : 0)]
    return shown
  })
  expect(step).toBeCloseTo(0.1, 9)
})

it('a clock that stands still has an infinite step', () => {
  expect(measureTimerStep(() => 5)).toBe(Infinity)
})
