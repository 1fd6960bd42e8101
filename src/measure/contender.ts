// One contender of a race: something whose runs can be timed. It may live in this thread (`localContender`), or in another worker or
// process that times slots when it is told to, so that one race can go over several engines and numbers of threads.

import { LabError } from '../core/errors/lab-error'
import type { SlotPlan } from './sampling-plan'

export interface WarmUpRule {
  readonly minRuns: number
  readonly minMs: number
}

/** How far a warm-up has come, 0…1. */
export const warmUpShare = ({ minRuns, minMs }: WarmUpRule, runs: number, elapsedMs: number): number =>
  Math.min(runs / minRuns, minMs > 0 ? elapsedMs / minMs : 1, 1)

/** For contenders elsewhere that tell only how far they have come: turns their share into what `warmUp` reports. */
export function remoteReport(
  { minRuns }: WarmUpRule,
  report: (runs: number, elapsedMs: number) => void,
  now: () => number,
): (share: number) => void {
  const started = now()
  return (share) => report(Math.max(1, Math.floor(share * minRuns)), now() - started)
}

/** What was timed in one slot, ms. */
export interface SlotTimes {
  /** The first run, which brings caches and clock frequency over to this contender; recorded and not used. */
  readonly switchMs: number
  /** Single runs, or the mean of a batch as one value. */
  readonly samplesMs: readonly number[]
}

/** Every method may throw what the model or the engine throws, and `job/cancelled`. */
export interface Contender {
  /** Called before every slot, outside all timing: opens what its runs need, or waits until others are quiet. */
  prepare?(): Promise<void>
  /** Runs until both limits of `rule` are reached; the time of every run in order, ms. */
  warmUp(rule: WarmUpRule, report: (runs: number, elapsedMs: number) => void): Promise<readonly number[]>
  /** A switch run, then the runs of `plan`. Inputs rotate from `firstInput`, which counts on without end. */
  timeSlot(plan: SlotPlan, firstInput: number): Promise<SlotTimes>
}

export interface LocalContender {
  /** One run on an input from 0 to `inputCount` − 1; resolves when the outputs are readable. */
  run(input: number): Promise<void>
  /** Prepared inputs; all contenders of a race have the same. */
  readonly inputCount: number
  /** Monotonic clock, ms. */
  now(): number
  /** Called between warm-up runs: gives the message loop a turn, throws `job/cancelled` after a cancel. */
  checkpoint(): Promise<void>
  prepare?(): Promise<void>
}

/** Throws `options/invalid` without inputs. */
export function localContender({ run, inputCount, now, checkpoint, prepare }: LocalContender): Contender {
  if (!(inputCount >= 1)) {
    const message = `A contender needs inputCount to be at least 1, not ${inputCount}.`
    throw new LabError('options/invalid', message, { path: 'inputCount', got: inputCount })
  }
  const timeRuns = async (first: number, count: number): Promise<number> => {
    const before = now()
    for (let index = first; index < first + count; index++) await run(index % inputCount)
    return now() - before
  }
  return {
    ...(prepare && { prepare }),
    async warmUp(rule, report) {
      const times: number[] = []
      const started = now()
      for (let elapsed = 0; times.length < rule.minRuns || elapsed < rule.minMs;) {
        await checkpoint()
        times.push(await timeRuns(times.length, 1))
        elapsed = now() - started
        report(times.length, elapsed)
      }
      return times
    },
    async timeSlot({ runs, isBatched }, firstInput) {
      const switchMs = await timeRuns(firstInput, 1)
      if (isBatched) return { switchMs, samplesMs: [(await timeRuns(firstInput + 1, runs)) / runs] }
      const samplesMs: number[] = []
      for (let index = 1; index <= runs; index++) samplesMs.push(await timeRuns(firstInput + index, 1))
      return { switchMs, samplesMs }
    },
  }
}
