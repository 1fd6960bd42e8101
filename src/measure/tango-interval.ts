// The score interval of Tango (Statistics in Medicine 17, 1998) for a difference of paired proportions. Unlike Wald's it keeps its
// level when few or no pairs differ, which is the usual case for a model and its compressed twin.

/** Pairs of answers to the same examples. */
export interface DiscordantPairs {
  /** Only a was right. */
  readonly onlyA: number
  /** Only b was right. */
  readonly onlyB: number
  /** All pairs, those that agree included; at least 1. */
  readonly n: number
}

/** Interval of P(b right) − P(a right), −1…1, for the two-sided critical value `z`. */
export function tangoInterval(pairs: DiscordantPairs, z: number): readonly [number, number] {
  const estimate = (pairs.onlyB - pairs.onlyA) / pairs.n
  return [solve(pairs, z, estimate, -1), solve(pairs, z, estimate, 1)]
}

/** Bisects between the estimate, where the score is 0, and the end of the range. */
function solve(pairs: DiscordantPairs, z: number, estimate: number, end: -1 | 1): number {
  let inside = estimate
  let outside: number = end
  for (let step = 0; step < 60; step++) {
    const middle = (inside + outside) / 2
    if (Math.abs(score(pairs, middle)) <= z) inside = middle
    else outside = middle
  }
  return inside
}

function score({ onlyA, onlyB, n }: DiscordantPairs, difference: number): number {
  const excess = onlyB - onlyA - n * difference
  if (excess === 0) return 0
  // Maximum likelihood of P(only a right) given the difference: the larger root of Ax² + Bx + C.
  const a = 2 * n
  const b = -onlyA - onlyB + (2 * n - onlyB + onlyA) * difference
  const c = -onlyA * difference * (1 - difference)
  const onlyAExpected = (Math.sqrt(Math.max(b * b - 4 * a * c, 0)) - b) / (2 * a)
  const variance = n * (2 * onlyAExpected + difference * (1 - difference))
  return variance > 0 ? excess / Math.sqrt(variance) : Infinity * Math.sign(excess)
}
