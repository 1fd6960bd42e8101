// How far one array of numbers is from another, computed in float64. The first array is the truth.

import { LabError } from '../errors/lab-error'

export interface ErrorMetrics {
  /** Largest absolute difference. */
  readonly maxAbs: number
  /** Root of the mean squared difference. */
  readonly rmse: number
  /** Cosine of the angle between both, −1…1; 1 when both are zero, 0 when one is. */
  readonly cosine: number
  /** Signal to quantization noise in dB: 20·log10(‖truth‖ / ‖difference‖), norms no smaller than 2.22e-16. Show huge values as ∞. */
  readonly sqnrDb: number
}

/** Keeps the quotient finite: identical arrays give about +300 dB, zeros against zeros 0 dB (as the reference toolkit has it). */
const SMALLEST_NORM = 2 ** -52

/** NaN anywhere gives NaN everywhere. Throws `data/invalid` when the lengths differ. */
export function measureError(truth: ArrayLike<number>, actual: ArrayLike<number>): ErrorMetrics {
  if (truth.length !== actual.length) {
    const message = `Cannot compare ${actual.length} values with ${truth.length}.`
    throw new LabError('data/invalid', message, { expected: truth.length, got: actual.length })
  }
  let maxAbs = 0
  let noise = 0
  let signal = 0
  let power = 0
  let dot = 0
  for (let i = 0; i < truth.length; i++) {
    const x = truth[i] as number
    const y = actual[i] as number
    const difference = x - y
    maxAbs = Math.max(maxAbs, Math.abs(difference))
    noise += difference * difference
    signal += x * x
    power += y * y
    dot += x * y
  }
  return {
    maxAbs,
    rmse: truth.length === 0 ? 0 : Math.sqrt(noise / truth.length),
    cosine: cosineOf(dot, signal, power),
    sqnrDb: sqnrOf(signal, noise),
  }
}

/** From the sums of squares of the truth and of the difference, dB. */
export function sqnrOf(signal: number, noise: number): number {
  return 20 * Math.log10(Math.max(Math.sqrt(signal), SMALLEST_NORM) / Math.max(Math.sqrt(noise), SMALLEST_NORM))
}

function cosineOf(dot: number, signal: number, power: number): number {
  if (signal === 0 || power === 0) return signal === power ? 1 : 0
  return dot / Math.sqrt(signal) / Math.sqrt(power)
}
