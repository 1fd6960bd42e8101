// Accuracy of a variant against its original on the same examples: a paired difference with an interval that stays honest while the
// sample grows stage by stage.

import { LabError } from '../core/errors/lab-error'
import { spendingBoundaries } from './group-sequential'
import { tangoInterval } from './tango-interval'

/** Sample sizes at which a result may be looked at. */
const STAGES = [500, 1250, 3000, 10_000]
/** For a sample that is looked at once. */
export const SINGLE_LOOK_Z = 1.96

export interface AccuracyLook {
  /** Examples seen at this look, the first `n` of the set. */
  readonly n: number
  /** Critical value to pass to `comparePaired`. */
  readonly z: number
  readonly isLast: boolean
}

/** The looks for a set of `available` examples: the stages below it, then the whole set. Show nothing between them. */
export function accuracyLooks(available: number): readonly AccuracyLook[] {
  const sizes = [...STAGES.filter((stage) => stage < available), available]
  const boundaries = spendingBoundaries(sizes.map((n) => n / available))
  return sizes.map((n, index) => ({ n, z: boundaries[index] ?? NaN, isLast: n === available }))
}

export interface PairedAccuracy {
  /** Fraction that a, the original, got right. */
  readonly a: number
  /** Fraction that b, the variant, got right. */
  readonly b: number
  /** b − a, as a fraction; times 100 it is points. */
  readonly difference: number
  /** 95 % score interval of the difference, over all looks together. */
  readonly ci95: readonly [number, number]
  readonly n: number
  /** Examples that only one of both got right. */
  readonly onlyA: number
  readonly onlyB: number
}

/** Element i of both lists is about example i: true where the answer was right. Throws `data/invalid` for lists that do not match. */
export function comparePaired(
  aCorrect: readonly boolean[],
  bCorrect: readonly boolean[],
  z = SINGLE_LOOK_Z,
): PairedAccuracy {
  const n = aCorrect.length
  if (n === 0 || n !== bCorrect.length) {
    const message = `Accuracy is compared on the same examples, got ${n} answers and ${bCorrect.length}.`
    throw new LabError('data/invalid', message, { a: n, b: bCorrect.length })
  }
  let [bothRight, onlyA, onlyB] = [0, 0, 0]
  aCorrect.forEach((isARight, index) => {
    const isBRight = bCorrect[index] ?? false
    if (isARight && isBRight) bothRight++
    else if (isARight) onlyA++
    else if (isBRight) onlyB++
  })
  return {
    a: (bothRight + onlyA) / n,
    b: (bothRight + onlyB) / n,
    difference: (onlyB - onlyA) / n,
    ci95: tangoInterval({ onlyA, onlyB, n }, z),
    n,
    onlyA,
    onlyB,
  }
}

/** Which of the predicted classes are the true ones. Throws `data/invalid` for lists that do not match. */
export function correctAnswers(classes: ArrayLike<number>, labels: ArrayLike<number>): readonly boolean[] {
  if (classes.length !== labels.length) {
    const message = `There are ${classes.length} predictions for ${labels.length} labels.`
    throw new LabError('data/invalid', message, { predictions: classes.length, labels: labels.length })
  }
  return Array.from(classes, (predicted, index) => predicted === labels[index])
}
