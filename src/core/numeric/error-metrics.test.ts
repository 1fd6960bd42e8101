import { describe, expect, it } from 'vitest'
import { measureError } from './error-metrics'

describe('measureError', () => {
  it('gives the SQNR that the reference toolkit gives', () => {
    expect(measureError([1, 2, 3, 4], [1.01, 1.98, 3.03, 3.96]).sqnrDb).toBeCloseTo(40, 9)
    expect(measureError([1, 2, 3, 4], [1, 2, 3, 4]).sqnrDb).toBeCloseTo(327.842, 3)
    expect(measureError([0, 0], [0, 0]).sqnrDb).toBe(0)
  })

  it('takes the root of the mean, not of the sum', () => {
    expect(measureError([0, 0, 0, 0], [2, -2, 2, -2])).toMatchObject({ rmse: 2, maxAbs: 2 })
  })

  it('measures the angle between arrays', () => {
    expect(measureError([1, 0], [0, 5]).cosine).toBe(0)
    expect(measureError([1, 2], [-2, -4]).cosine).toBeCloseTo(-1, 12)
    expect(measureError([0, 0], [0, 0]).cosine).toBe(1)
    expect(measureError([0, 0], [1, 0]).cosine).toBe(0)
  })

  it('does not hide a NaN', () => {
    const { maxAbs, rmse, cosine, sqnrDb } = measureError([1, 2], [1, NaN])
    expect([maxAbs, rmse, cosine, sqnrDb]).toEqual([NaN, NaN, NaN, NaN])
  })

  it('refuses arrays of different lengths', () => {
    expect(() => measureError([1], [1, 2])).toThrowError(expect.objectContaining({ code: 'data/invalid' }))
  })
})
