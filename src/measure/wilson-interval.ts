// The score interval of Wilson (1927) for a proportion: keeps its level where few or all are hits.

/** `p`: the observed proportion, 0…1; `n`: the sample size, above 0, not necessarily whole; `z`: two-sided critical value. */
export function wilsonInterval(p: number, n: number, z: number): readonly [number, number] {
  const z2 = z ** 2
  const centre = (p + z2 / (2 * n)) / (1 + z2 / n)
  const half = (z / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n))
  return [Math.max(centre - half, 0), Math.min(centre + half, 1)]
}
