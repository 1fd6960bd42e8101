// The null distribution of Wilcoxon's signed-rank statistic W: exact up to 256 pairs, which is all that a planned comparison has,
// normal with continuity correction beyond. Ties need no correction: with the closed interval the untied critical values are
// conservative under ties (Noether, JASA 62, 1967).

import { normalCdf } from './normal-distribution'

/** Up to here the distribution is summed up exactly, in 4 million steps; beyond, the error of the normal one is below 1e-4. */
const EXACT_PAIRS = 256

const known = new Map<string, number | null>()

/**
 * How many of the ordered Walsh averages of `pairs` differences lie outside the interval on each side, for the two-sided level
 * 2(1 − Φ(z)): the largest k with P(W ≤ k − 1) ≤ 1 − Φ(z). Null when so few pairs cannot reach that level.
 */
export function signedRankCut(pairs: number, z: number): number | null {
  const key = `${pairs} ${z}`
  const found = known.get(key)
  if (found !== undefined) return found
  const cut = pairs <= EXACT_PAIRS ? exactCut(pairs, z) : asymptoticCut(pairs, z)
  known.set(key, cut)
  return cut
}

function exactCut(pairs: number, z: number): number | null {
  const tail = normalCdf(-z)
  const probabilities = signedRankLowerHalf(pairs)
  let cumulative = 0
  let cut = 0
  while (cut < probabilities.length) {
    cumulative += probabilities[cut] ?? 0
    if (cumulative > tail) break
    cut++
  }
  return cut === 0 ? null : cut - 1
}

/** From P(W ≤ w) = Φ((w + ½ − mean)/sd). */
function asymptoticCut(pairs: number, z: number): number {
  const mean = (pairs * (pairs + 1)) / 4
  const sd = Math.sqrt((pairs * (pairs + 1) * (2 * pairs + 1)) / 24)
  return Math.floor(mean - z * sd - 0.5)
}

/** P(W = k) for k from 0 to half of its maximum. W is the sum of a random subset of the ranks 1 … n. */
function signedRankLowerHalf(pairs: number): Float64Array {
  const size = Math.floor((pairs * (pairs + 1)) / 4) + 1
  const probabilities = new Float64Array(size)
  probabilities[0] = 1
  for (let rank = 1; rank <= pairs; rank++) {
    for (let sum = size - 1; sum >= 0; sum--) {
      const withRank = sum >= rank ? (probabilities[sum - rank] ?? 0) : 0
      probabilities[sum] = ((probabilities[sum] ?? 0) + withRank) / 2
    }
  }
  return probabilities
}
