// A device on a virtual clock: contenders whose runs take the time that a noise says, so that thousands of whole races, warm-up and
// restarts included, take minutes. No time passes but that of runs.

import type { Rng } from '../../src/core/numeric/rng'
import { localContender, type Contender } from '../../src/measure/contender'
import type { LatencyRequest } from '../../src/measure/latency-comparison'
import type { MachineNoise } from '../fixtures/machine-noise'

/** Of the original, ms, as a small model on a phone takes; of the sentinel. */
const RUN_MS = 10
const SENTINEL_MS = 3
/** Of single runs within a slot, in logarithms; the noise of the machine comes on top and is the same for all runs of a slot. */
const RUN_SD = 0.02
/** A new level of noise after as many runs of a warm-up as a slot has. */
const RUNS_PER_LEVEL = 6

/** What a model does besides what the machine does to all. */
export interface Behaviour {
  /** Factor on a run's time after `ownMs` of runs of this variant: code that is not compiled to the end yet. */
  tier?(ownMs: number): number
  /** Time that a run loses, ms, as to garbage collection. */
  stall?(): number
}

export interface VirtualDevice {
  readonly noise: MachineNoise
  /** Of the original and of the variant. */
  readonly behaviours: readonly [Behaviour, Behaviour]
  /** Time of the variant ÷ time of the original. */
  readonly ratio: number
  readonly budgetMs: number
}

const DONE = Promise.resolve()

/** A race of the original with the variant, and a sentinel. */
export function virtualRace({ noise, behaviours, ratio, budgetMs }: VirtualDevice, rng: Rng): LatencyRequest {
  let ms = 0
  let level = noise()
  const now = (): number => ms

  const contender = (typicalMs: number, { tier, stall }: Behaviour): Contender => {
    /** Runs that this level of noise is left for. */
    let left = RUNS_PER_LEVEL
    let ownMs = 0
    const run = (): Promise<void> => {
      const quiet = typicalMs * (tier?.(ownMs) ?? 1) * Math.exp(level + RUN_SD * rng.normal())
      const took = quiet + (stall?.() ?? 0)
      ownMs += took
      ms += took
      if (--left === 0) [level, left] = [noise(), RUNS_PER_LEVEL]
      return DONE
    }
    const { warmUp, timeSlot } = localContender({ run, inputCount: 4, now, checkpoint: () => DONE })
    return {
      warmUp,
      timeSlot(plan, firstInput) {
        ;[level, left] = [noise(), Infinity]
        return timeSlot(plan, firstInput)
      },
    }
  }
  return {
    contenders: [contender(RUN_MS, behaviours[0]), contender(RUN_MS * ratio, behaviours[1])],
    sentinel: contender(SENTINEL_MS, {}),
    now,
    timerStepMs: 0.005,
    budgetMs,
    rng,
    checkpoint: () => DONE,
    progress: () => undefined,
  }
}
