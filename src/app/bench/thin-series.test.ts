import fc from 'fast-check'
import { expect, test } from 'vitest'

import { thinSeries } from './thin-series'

test('at most as many points as asked for are left, in order, with both ends, the lowest and the highest', () => {
  const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 400 })
  fc.assert(
    fc.property(values, fc.integer({ min: 4, max: 60 }), (series, max) => {
      const points = series.map((value, index) => ({ value, index }))
      const left = thinSeries(points, max, ({ value }) => value)
      expect(left.length).toBeLessThanOrEqual(max)
      expect(left.map(({ index }) => index)).toEqual(left.map(({ index }) => index).sort((a, b) => a - b))
      expect([left[0], left.at(-1)]).toEqual([points[0], points.at(-1)])
      expect(Math.max(...left.map(({ value }) => value))).toBe(Math.max(...series))
      expect(Math.min(...left.map(({ value }) => value))).toBe(Math.min(...series))
    }),
  )
})

test('a short series stays as it is', () => {
  const series = [3, 1, 2]
  expect(thinSeries(series, 4, (value) => value)).toBe(series)
})
