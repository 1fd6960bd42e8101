// The sequential test of one pair: takes the log difference of block after block, looks only when the plan says so, and decides
// by the rules of docs/measuring.md. Between looks it tells nothing, because every extra look is a chance for a false claim.

import { hodgesLehmann } from './hodges-lehmann'
import { MIN_BLOCKS, type SamplingPlan } from './sampling-plan'

export type LatencyVerdict = 'faster' | 'slower' | 'same' | 'undecided'

export interface PairDecision {
  /** Latency of b ÷ latency of a (Hodges–Lehmann), at the look that decided. */
  readonly ratio: number
  /** 95 % interval of the ratio, valid whatever look stopped; null below ten blocks. */
  readonly ci95: readonly [number, number] | null
  readonly verdict: LatencyVerdict
  readonly stopped: 'clear' | 'same' | 'budget'
  /** Blocks that the ratio and interval rest on. */
  readonly blocks: number
  readonly looks: number
  /** log(b ÷ a) of each of these blocks, in order. */
  readonly blockDifferences: readonly number[]
}

export interface PairTest {
  /** Adds log(b ÷ a) of a block; the decision, once there is one. Later blocks do not change it. */
  add(difference: number): PairDecision | null
  /** Decides now, because the time is up. At least one block must have been added. */
  finish(): PairDecision
}

/** `margin`: half-width of “the same” as a fraction of the ratio. */
export function pairTest(plan: SamplingPlan, margin: number): PairTest {
  const differences: number[] = []
  let looks = 0
  let decision: PairDecision | null = null

  const look = (z: number): PairDecision => {
    looks++
    const { estimate, interval } = hodgesLehmann(differences, z)
    const ratio = Math.exp(estimate)
    const isEnough = interval !== null && differences.length >= MIN_BLOCKS
    const ci95 = isEnough ? ([Math.exp(interval[0]), Math.exp(interval[1])] as const) : null
    const verdict = ci95 ? judgeRatio(ratio, ci95, margin) : 'undecided'
    const stopped = verdict === 'undecided' ? 'budget' : verdict === 'same' ? 'same' : 'clear'
    return { ratio, ci95, verdict, stopped, blocks: differences.length, looks, blockDifferences: [...differences] }
  }

  return {
    add(difference) {
      if (decision) return decision
      differences.push(difference)
      const isLast = differences.length >= plan.blocks
      const due = plan.looks.find(({ blocks }) => blocks === differences.length)
      if (!due && !isLast) return null
      const seen = look(due?.z ?? plan.finalZ)
      if (isLast || seen.verdict !== 'undecided') decision = seen
      return decision
    },
    // Stopping between two looks is covered: the last look's z at an earlier moment only raises the correlation with the looks
    // before it, so less error is spent than planned.
    finish() {
      decision ??= look(plan.finalZ)
      return decision
    },
  }
}

/** The four verdicts on a speed; “wrong answers” is not for the clock to say. */
export function judgeRatio(ratio: number, [low, high]: readonly [number, number], margin: number): LatencyVerdict {
  // Two sessions of one file differ a little by their memory layout; half of the margin is left to that.
  const allowance = margin / 2
  if (high < 1 - allowance && ratio < 1 - margin) return 'faster'
  if (low > 1 + allowance && ratio > 1 + margin) return 'slower'
  if (low > 1 - margin && high < 1 + margin) return 'same'
  return 'undecided'
}
