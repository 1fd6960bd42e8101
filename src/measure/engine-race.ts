// The result of racing engines, or numbers of threads of one engine, over the same model: a ranked table. Only ratios to the first
// contender are tested, so the ranks say no more than these ratios do.

import type { EngineId } from '../engines/engine'
import type { EnvironmentRecord } from '../engines/environment-record'
import type { ColdStart } from './cold-start'
import type { EngineCheck } from './engine-check'
import type { LatencyComparison } from './latency-comparison'
import { judgeRatio, type LatencyVerdict } from './pair-test'

/** An engine with a number of threads. */
export interface EngineChoice {
  /** `ort-wasm:2`, unique within a race. */
  readonly name: string
  readonly engine: EngineId
  readonly threads: number
}

export interface EngineRace {
  /** The timed ones by rank, then the others in the order they were asked for. */
  readonly entries: readonly EngineRaceEntry[]
  /** Null when fewer than two could be timed. */
  readonly comparison: LatencyComparison | null
  readonly isSynthetic: boolean
  readonly freeDimensions: Readonly<Record<string, number>>
}

export interface EngineRaceEntry extends EngineChoice {
  /**
   * `wrong`: its answers fail the engine check. `software`: a GPU that is emulated, which says nothing about GPUs. `unavailable`: does not
   * start here or refuses the model. `alone`: nothing was left to race against. Only `timed` has a speed.
   */
  readonly status: 'timed' | 'wrong' | 'software' | 'unavailable' | 'alone'
  /** Why there is no speed; null where there is one. */
  readonly reason: string | null
  readonly environment: EnvironmentRecord | null
  readonly check: EngineCheck | null
  readonly cold: ColdStart | null
  readonly speed: EngineSpeed | null
}

export interface EngineSpeed {
  /** 1 + the number of contenders that are certainly faster: those whose difference is not decided share a rank. */
  readonly rank: number
  /** Index in `comparison.variants`; 0 is what the ratios are relative to. */
  readonly contender: number
  readonly medianMs: number
  /** Latency ÷ latency of contender 0, which itself has exactly 1. */
  readonly ratio: number
  /** 95 % interval; null below ten blocks. */
  readonly ci95: readonly [number, number] | null
  /** Against contender 0, which itself has `same`. */
  readonly verdict: LatencyVerdict
}

/** Numbers of threads for a sweep, with more no browser's engine gets faster: 1 to 8 at most. */
export const threadSweep = (cores: number): readonly EngineChoice[] =>
  Array.from({ length: Math.max(1, Math.min(cores, MOST_THREADS)) }, (_, index) => ({
    name: `ort-wasm:${index + 1}`,
    engine: 'ort-wasm',
    threads: index + 1,
  }))
const MOST_THREADS = 8

/** One per contender, in their order. */
export function engineSpeeds({ variants, pairs, margin }: LatencyComparison): readonly EngineSpeed[] {
  const ratios: readonly Ratio[] = [{ ratio: 1, ci95: [1, 1], verdict: 'same' }, ...pairs]
  return ratios.map(({ ratio, ci95, verdict }, contender) => ({
    rank: 1 + ratios.filter((other) => isSlower({ ratio, ci95 }, other, margin)).length,
    contender,
    medianMs: variants[contender]?.medianMs ?? NaN,
    ratio,
    ci95,
    verdict,
  }))
}

type Ratio = Pick<EngineSpeed, 'ratio' | 'ci95' | 'verdict'>

/**
 * Whether `a` is certainly slower than `b`. Two that were each compared with the first and not with each other: only when their intervals
 * lie apart by as much as a claim needs. Against the first itself this is the verdict of the test.
 */
function isSlower(a: Pick<Ratio, 'ratio' | 'ci95'>, b: Ratio, margin: number): boolean {
  if (!a.ci95 || !b.ci95) return false
  const between = [a.ci95[0] / b.ci95[1], a.ci95[1] / b.ci95[0]] as const
  return judgeRatio(a.ratio / b.ratio, between, margin) === 'slower'
}

/** Fastest first; the places of those that were not timed do not change among themselves. */
export function byRank(a: EngineRaceEntry, b: EngineRaceEntry): number {
  if (!a.speed || !b.speed) return Number(!a.speed) - Number(!b.speed)
  return a.speed.rank - b.speed.rank || a.speed.ratio - b.speed.ratio
}
