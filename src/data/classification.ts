// What a classifier said: scores out of its output tensor, the classes in order, and whether it was right.

export { outputNumbers } from '../core/pass/tensor-numbers'

/** Softmax; safe for large scores. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  let largest = -Infinity
  for (let i = 0; i < scores.length; i++) largest = Math.max(largest, scores[i] ?? NaN)
  const powers = Float64Array.from(scores, (score) => Math.exp(score - largest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

/** Index of the largest score, the first of equals; −1 for an empty list and where a score is NaN. */
export function argmax(scores: ArrayLike<number>): number {
  let best = -1
  let largest = -Infinity
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? NaN
    if (Number.isNaN(score)) return -1
    if (best === -1 || score > largest) [best, largest] = [i, score]
  }
  return best
}

/** Indices of the `k` largest scores, best first; equals in order of index. */
export function topK(scores: ArrayLike<number>, k: number): readonly number[] {
  const order = Array.from({ length: scores.length }, (_, index) => index)
  return order.sort((a, b) => (scores[b] ?? NaN) - (scores[a] ?? NaN) || a - b).slice(0, k)
}
