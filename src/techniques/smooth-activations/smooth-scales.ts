// The factors of SmoothQuant.

/** INC bounds both the power of the weights and the factors by this. */
const SMALLEST = 1e-5

/**
 * s_j = max|X_j|^α / max|W_j|^(1−α) for each input channel j: X / s and W · s give the same product. 1 where a channel is silent on either
 * side. Xiao et al., ICML 2023, equation 4.
 */
export const smoothScales = (activations: Float64Array, weights: Float64Array, alpha: number): Float64Array =>
  activations.map((activation, j) => {
    const weight = weights[j] as number
    if (!(activation > 0 && weight > 0)) return 1
    return Math.max(activation ** alpha / Math.max(weight ** (1 - alpha), SMALLEST), SMALLEST)
  })

/** Of the factors that layers with a common input want, those closest to each other: the largest min / max (NNCF). */
export function mostEven(candidates: readonly Float64Array[]): Float64Array | undefined {
  const [first, ...others] = candidates
  return others.reduce((best, scales) => (evenness(scales) > evenness(best ?? scales) ? scales : best), first)
}

const evenness = (scales: Float64Array): number =>
  scales.reduce((least, scale) => Math.min(least, scale), Infinity) /
  scales.reduce((most, scale) => Math.max(most, scale), 0)
