// Fewer points for a line of many, for drawing only: what is exported is always the whole.

/**
 * At most `max` points (at least 4), in order: the lowest and the highest of each stretch, and both ends. Nothing is averaged, so no
 * extreme is lost.
 */
export function thinSeries<T>(points: readonly T[], max: number, valueOf: (point: T) => number): readonly T[] {
  if (points.length <= max) return points
  const stretches = Math.floor((max - 2) / 2)
  const kept = new Set<number>([0, points.length - 1])
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = Math.floor((stretch * points.length) / stretches)
    const to = Math.floor(((stretch + 1) * points.length) / stretches)
    let [lowest, highest] = [from, from]
    for (let index = from; index < to; index++) {
      if (at(index) < at(lowest)) lowest = index
      if (at(index) > at(highest)) highest = index
    }
    kept.add(lowest).add(highest)
  }
  return points.filter((_, index) => kept.has(index))

  function at(index: number): number {
    const point = points[index]
    return point === undefined ? NaN : valueOf(point)
  }
}
