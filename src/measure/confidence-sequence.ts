// The live band of a running comparison: a confidence sequence for the centre θ of symmetric differences, valid at every moment at
// once, so that looking at it all the time costs nothing. It is all θ with |Σ(dᵢ − θ)| ≤ √((V + r) · ln((V + r)/(r · α²))),
// V = Σ(dᵢ − θ)²: the self-normalised mixture boundary of de la Peña, Lai & Shao (2009). No verdict rests on it.

const ALPHA = 0.05
/** Where the band is tightest, in Σ(dᵢ − θ)²: 20 blocks of 4 %. Fixed before any data, or the band would not be valid. */
const R = 20 * 0.04 ** 2
const FLOOR = R * ALPHA ** 2

export interface LiveBand {
  /** Adds the log ratio of a block. */
  add(difference: number): void
  /** θ from … to; null while the differences are too few to bound it: always below ten, longer where they scatter a lot. */
  readonly interval: readonly [number, number] | null
}

/** Each `add` and each interval take constant time. */
export function liveBand(): LiveBand {
  let count = 0
  let mean = 0
  /** Σ(dᵢ − mean)², updated as by Welford, which does not cancel. */
  let spread = 0
  return {
    add(difference) {
      count++
      const step = difference - mean
      mean += step / count
      spread += step * (difference - mean)
    },
    get interval(): LiveBand['interval'] {
      const half = halfWidth(count, spread)
      return half === null ? null : [mean - half, mean + half]
    },
  }
}

/**
 * With v = V + r = spread + n(mean − θ)² + r the condition is n(v − u) ≤ v · ln(v/(r · α²)), u = spread + r: the band lies symmetric
 * about the mean, up to the smallest v at which both sides are equal. Their difference is concave in v, so Newton's steps from u
 * never pass that v.
 */
function halfWidth(count: number, spread: number): number | null {
  const u = spread + R
  // The difference is largest where v = FLOOR · exp(n − 1), and v − n · u there.
  if (count === 0 || Math.log(FLOOR) + count - 1 <= Math.log(count * u)) return null
  let v = u
  for (;;) {
    const log = Math.log(v / FLOOR)
    const next = v + (v * log - count * (v - u)) / (count - log - 1)
    if (!(next > v * (1 + Number.EPSILON))) return Math.sqrt((v - u) / count)
    v = next
  }
}
