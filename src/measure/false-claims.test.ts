// The error rates of the verdict on a synthetic clock: a model against itself must not be called faster or slower, and one that is
// truly 5 % slower must be found. Slot values are drawn directly, everything from the block order to the verdict is the real code.

import { describe, expect, it } from 'vitest'
import {
  autocorrelated,
  clockModes,
  independent,
  throttling,
  type MachineNoise,
} from '../../tests/fixtures/machine-noise'
import { seededRng, type Rng } from '../core/numeric/rng'
import { pairTest, type PairDecision } from './pair-test'
import { blockOrder, planSampling } from './sampling-plan'

const RUNS = 2000
/** 20 s for a block of 2 · 2 · (1 + 5) inferences of 10 ms. */
const PLAN = planSampling(20_000, 240)
const MARGIN = 0.02

function simulate(clock: MachineNoise, trueRatio: number, rng: Rng): PairDecision {
  const test = pairTest(PLAN, MARGIN)
  for (;;) {
    let difference = 0
    for (const variant of blockOrder(2, rng))
      difference += (variant === 1 ? clock() + Math.log(trueRatio) : -clock()) / 2
    const decision = test.add(difference)
    if (decision) return decision
  }
}

function rates(noise: (rng: Rng) => MachineNoise, trueRatio: number, seed: number) {
  const rng = seededRng(seed)
  const decisions = Array.from({ length: RUNS }, () => simulate(noise(rng), trueRatio, rng))
  const share = (holds: (decision: PairDecision) => boolean): number => decisions.filter(holds).length / RUNS
  const differences = decisions.flatMap(({ blockDifferences }) => blockDifferences)
  const variance = differences.reduce((sum, d) => sum + (d - Math.log(trueRatio)) ** 2, 0) / differences.length
  return {
    faster: share(({ verdict }) => verdict === 'faster'),
    slower: share(({ verdict }) => verdict === 'slower'),
    same: share(({ verdict }) => verdict === 'same'),
    covers: share(({ ci95 }) => ci95 !== null && ci95[0] <= trueRatio && trueRatio <= ci95[1]),
    blockSd: Math.sqrt(variance),
    blocks: decisions.reduce((sum, { blocks }) => sum + blocks, 0) / RUNS,
  }
}

const NOISE = { independent: independent(0.095), autocorrelated, throttling: throttling(4 * PLAN.blocks), clockModes }

describe.each(Object.entries(NOISE))('under %s noise', (_, noise) => {
  it('a model against itself is called faster or slower in at most 2.5 % of comparisons', () => {
    const { faster, slower, covers, blockSd } = rates(noise, 1, 1)
    expect(faster + slower).toBeLessThanOrEqual(0.025)
    expect(covers).toBeGreaterThanOrEqual(0.94)
    // The noise is what it is meant to be, so that a passing test says something.
    expect(blockSd).toBeGreaterThan(0.045)
  })

  it('a true 5 % is found in at least 85 % of comparisons, with the right sign', () => {
    const { faster, slower, covers } = rates(noise, 1.05, 2)
    expect(slower).toBeGreaterThanOrEqual(0.85)
    expect(faster).toBe(0)
    expect(covers).toBeGreaterThanOrEqual(0.94)
  })
})
