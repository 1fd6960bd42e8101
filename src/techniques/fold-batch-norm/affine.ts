// The arithmetic of folding, all in float64: what an operator does to each channel, and how it enters the weights before it.

import type { Affine, ChannelLayout } from '../../core/model/linear-layer'

export const identityAffine = (channels: number): Affine => ({
  scale: new Float64Array(channels).fill(1),
  shift: new Float64Array(channels),
})

/** First `first`, then `second`. */
export const compose = (first: Affine, second: Affine): Affine => ({
  scale: first.scale.map((scale, c) => scale * (second.scale[c] as number)),
  shift: first.shift.map((shift, c) => shift * (second.scale[c] as number) + (second.shift[c] as number)),
})

export interface BatchNormParameters {
  readonly gamma: ArrayLike<number>
  readonly beta: ArrayLike<number>
  readonly mean: ArrayLike<number>
  readonly variance: ArrayLike<number>
  readonly epsilon: number
}

/** γ (x − μ) / √(σ² + ε) + β (Ioffe & Szegedy 2015, inference). */
export function batchNormAffine({ gamma, beta, mean, variance, epsilon }: BatchNormParameters): Affine {
  const scale = Float64Array.from(gamma, (value, c) => value / Math.sqrt((variance[c] as number) + epsilon))
  const shift = Float64Array.from(beta, (value, c) => value - (mean[c] as number) * (scale[c] as number))
  return { scale, shift }
}

/** Multiplies each weight by its channel's scale; the product is rounded once, to the weights' own type. */
export function scaleChannels<A extends Float32Array | Float64Array>(
  weights: A,
  { groups, rows, channels, inner }: ChannelLayout,
  scale: Float64Array,
): A {
  const scaled = weights.slice() as A
  let i = 0
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) {
      for (let channel = 0; channel < channels; channel++) {
        const factor = scale[group * channels + channel] as number
        for (let k = 0; k < inner; k++, i++) scaled[i] = (weights[i] as number) * factor
      }
    }
  }
  return scaled
}
