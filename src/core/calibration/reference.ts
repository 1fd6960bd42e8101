// Float64 and float32 twin of the calibration, written element by element from the specification: what tests hold the graph nodes and the
// running sums against.

/** `numpy.histogram` of float32 values over [low, high]. */
export function numpyHistogram(values: Iterable<number>, count: number, low: number, high: number) {
  const [first, last] = low === high ? [low - 0.5, high + 0.5] : [low, high]
  const span = Math.fround(last - first)
  const step = Math.fround(span / count)
  const edges = Array.from({ length: count + 1 }, (_, i) =>
    i === count ? last : Math.fround(Math.fround(i * step) + first),
  )
  const counts = Array<number>(count).fill(0)
  for (const x of values) {
    if (x < first || x > last) continue
    let bin = Math.trunc(Math.fround(Math.fround(Math.fround(x - first) / span) * count))
    if (bin === count) bin--
    if (x < (edges[bin] ?? NaN)) bin--
    else if (x >= (edges[bin + 1] ?? NaN) && bin !== count - 1) bin++
    counts[bin] = (counts[bin] ?? NaN) + 1
  }
  return { counts, edges }
}

/** Sum of squared errors of values that are clipped to the range and rounded with the noise Δ² / 12 inside it, zeros being exact. */
export function clippingError(values: readonly number[], min: number, max: number, levels: number): number {
  const noise = ((max - min) / (levels - 1)) ** 2 / 12
  return values.reduce((sum, x) => {
    if (x > max) return sum + (x - max) ** 2
    if (x < min) return sum + (x - min) ** 2
    return sum + (x === 0 ? 0 : noise)
  }, 0)
}
