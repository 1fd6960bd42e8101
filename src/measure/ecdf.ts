// The empirical distribution function of a sample, as the points at which it steps, for charts.

import { ascending } from './quantiles'

export interface EcdfPoint {
  readonly value: number
  /** Share of the sample that is at most `value`, above 0 and up to 1. */
  readonly fraction: number
}

/**
 * Ascending, one point for each different value. Where these are more than `maxPoints` (at least 2), that many of them at most, evenly
 * spread over the fractions, the smallest and the largest value among them; none is moved.
 */
export function ecdf(values: readonly number[], maxPoints = Infinity): readonly EcdfPoint[] {
  const sorted = ascending(values)
  const points: EcdfPoint[] = []
  sorted.forEach((value, index) => {
    if (value !== sorted[index + 1]) points.push({ value, fraction: (index + 1) / sorted.length })
  })
  return points.length > maxPoints ? thin(points, maxPoints) : points
}

function thin(points: readonly EcdfPoint[], maxPoints: number): readonly EcdfPoint[] {
  const first = points[0]?.fraction ?? 1
  let kept = 0
  return points.filter(({ fraction }, index) => {
    const target = first + ((1 - first) * kept) / (maxPoints - 1)
    if (fraction < target && index < points.length - 1) return false
    // A tall step reaches several targets at once.
    kept = Math.floor(((fraction - first) / (1 - first)) * (maxPoints - 1)) + 1
    return true
  })
}
