// How often two models agree on samples that come in groups: crops of one photograph are not independent, so the interval counts
// what the groups are worth (linearised variance over clusters, effective sample size, Student's t for few clusters: Korn & Graubard
// 1998, with Wilson's interval in place of the exact one).

import { LabError } from '../core/errors/lab-error'
import { SINGLE_LOOK_Z } from './accuracy-comparison'

export interface ClusteredAgreement {
  /** Fraction of samples on which both agree. */
  readonly agreement: number
  /** 95 % interval, at most as narrow as for independent samples. */
  readonly ci95: readonly [number, number]
  readonly n: number
  readonly clusters: number
  /** Independent samples that these are worth. */
  readonly effectiveN: number
}

/** t(0.975) by degrees of freedom from 1; beyond the table the normal value. */
const T_975 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
  2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
]

/** `clusters[i]` is the group of sample i; at least two groups. Throws `data/invalid`. */
export function clusteredAgreement(agrees: readonly boolean[], clusters: ArrayLike<number>): ClusteredAgreement {
  const groups = new Map<number, { size: number; agreeing: number }>()
  agrees.forEach((isSame, index) => {
    const key = clusters[index] ?? NaN
    const group = groups.get(key) ?? { size: 0, agreeing: 0 }
    groups.set(key, { size: group.size + 1, agreeing: group.agreeing + Number(isSame) })
  })
  const n = agrees.length
  const count = groups.size
  if (count < 2 || clusters.length !== n) {
    const message = `Agreement needs samples of at least two groups, got ${n} samples, ${clusters.length} groups named, ${count} different.`
    throw new LabError('data/invalid', message, { samples: n, groups: count })
  }
  const agreement = agrees.filter(Boolean).length / n
  const spread = [...groups.values()].reduce((sum, { size, agreeing }) => sum + (agreeing - agreement * size) ** 2, 0)
  const variance = ((count / (count - 1)) * spread) / (n * n)
  // Without any disagreement the variance says nothing; then each cluster counts once.
  const worth = variance > 0 ? (agreement * (1 - agreement)) / variance : count
  const t = T_975[count - 2] ?? SINGLE_LOOK_Z
  const effectiveN = Math.min(n, worth * (SINGLE_LOOK_Z / t) ** 2)
  return { agreement, ci95: wilsonInterval(agreement, effectiveN), n, clusters: count, effectiveN }
}

/** Wilson's score interval of a proportion. */
function wilsonInterval(p: number, n: number): readonly [number, number] {
  const z2 = SINGLE_LOOK_Z ** 2
  const centre = (p + z2 / (2 * n)) / (1 + z2 / n)
  const half = (SINGLE_LOOK_Z / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n))
  return [Math.max(centre - half, 0), Math.min(centre + half, 1)]
}
