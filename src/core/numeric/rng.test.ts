import { expect, test } from 'vitest'

import { seededRng } from './rng'

test('the same seed gives the same numbers and another seed others', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seededRng(seed).next)
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})

test('numbers are uniform in [0, 1) and normal with mean 0 and deviation 1', () => {
  const rng = seededRng(1)
  const uniform = Array.from({ length: 20_000 }, rng.next)
  expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...uniform)).toBeLessThan(1)
  const counts = new Array<number>(10).fill(0)
  for (const x of uniform) counts[Math.floor(x * 10)]!++
  const chiSquare = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)
  expect(chiSquare).toBeLessThan(27.9) // 99.9 % quantile with 9 degrees of freedom
  const normal = Array.from({ length: 20_000 }, rng.normal)
  const mean = normal.reduce((sum, x) => sum + x, 0) / normal.length
  const variance = normal.reduce((sum, x) => sum + (x - mean) ** 2, 0) / normal.length
  expect(Math.abs(mean)).toBeLessThan(0.03)
  expect(Math.abs(variance - 1)).toBeLessThan(0.05)
})

test('shuffle keeps every item and leaves its argument alone', () => {
  const items = [1, 2, 3, 4, 5]
  expect([...seededRng(3).shuffle(items)].sort()).toEqual(items)
  expect(items).toEqual([1, 2, 3, 4, 5])
})
