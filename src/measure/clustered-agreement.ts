// How often two models agree on samples that come in groups: crops of one photograph are not independent, so the interval counts
// what the groups are worth (linearised variance over clusters, effective sample size, Student's t for few clusters: Korn & Graubard
// 1998, with Wilson's interval in place of the exact one).

import { LabError } from '../core/errors/lab-error'
import { SINGLE_LOOK_Z } from './accuracy-comparison'
import { criticalT } from './student-t'
import { wilsonInterval } from './wilson-interval'

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
  const t = criticalT(count - 1, 0.95)
  const effectiveN = Math.min(n, worth * (SINGLE_LOOK_Z / t) ** 2)
  return { agreement, ci95: wilsonInterval(agreement, effectiveN, SINGLE_LOOK_Z), n, clusters: count, effectiveN }
}
