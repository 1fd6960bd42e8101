import fc from 'fast-check'
import { expect, test } from 'vitest'

import { linearAxis, logAxis } from './scale'

test('ticks are round and inside the domain', () => {
  expect(linearAxis([0, 9.7], [0, 100], 5).ticks).toEqual([0, 2, 4, 6, 8])
  expect(linearAxis([-6.1, 15], [0, 100], 5).ticks).toEqual([-5, 0, 5, 10, 15])
  expect(linearAxis([0.94, 1.06], [0, 100], 6).ticks).toEqual([0.94, 0.96, 0.98, 1, 1.02, 1.04, 1.06])
  expect(linearAxis([3, 3], [0, 100], 5).ticks).toEqual([3])
})

test('a logarithmic axis ticks at 1, 2 and 5 where it spans much, and at round values where it does not', () => {
  expect(logAxis([4, 80], [100, 0], 6).ticks).toEqual([5, 10, 20, 50])
  expect(logAxis([9.2, 10.9], [100, 0], 4).ticks).toEqual([9.5, 10, 10.5])
})

test('equal ratios take equal space on a logarithmic axis, and ends are at the ends', () => {
  const { place } = logAxis([1, 100], [200, 0], 5)
  expect([place(1), place(10), place(100)]).toEqual([200, 100, 0])
})

test('every tick lies in the domain, in order, and there are not many more than asked for', () => {
  const domain = fc
    .tuple(fc.double({ min: 1e-4, max: 1e4, noNaN: true }), fc.double({ min: 1.001, max: 1e4, noNaN: true }))
    .map(([low, factor]) => [low, low * factor] as const)
  fc.assert(
    fc.property(domain, fc.integer({ min: 2, max: 8 }), ([low, high], count) => {
      for (const { ticks } of [linearAxis([low, high], [0, 1], count), logAxis([low, high], [0, 1], count)]) {
        expect(ticks.length).toBeLessThanOrEqual(count + 1)
        expect([...ticks]).toEqual([...ticks].sort((a, b) => a - b))
        for (const tick of ticks) expect(tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)).toBe(true)
      }
    }),
  )
})
