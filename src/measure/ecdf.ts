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
  const last = points.length - 1
  const kept = new Set<EcdfPoint>()
  let index = 0
  for (let target = 0; target < maxPoints; target++) {
    const fraction = first + ((1 - first) * target) / (maxPoints - 1)
    while (index < last && (points[index]?.fraction ?? 1) < fraction) index++
    const point = points[index]
    if (point) kept.add(point)
  }
  return [...kept]
}
