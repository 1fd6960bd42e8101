// What `lathe bench` says of one engine, as plain data: every file with its checks and its figures, every pair with its verdict. From the
// race to these, without deciding anything.

import type { ColdStart } from '../../measure/cold-start'
import type { LatencyComparison, PairComparison } from '../../measure/latency-comparison'
import type { FileAnswers } from './check-answers'

export interface BenchVariant extends Timing, FileAnswers {
  readonly file: string
  /** As it was named on the command line. */
  readonly engine: string
}

/** Of this run; null where nothing was timed. */
export interface Timing {
  readonly loadMs: number | null
  readonly sessionMs: number | null
  readonly firstRunMs: number | null
  readonly medianMs: number | null
  readonly q1Ms: number | null
  readonly q3Ms: number | null
  /** Null also where a sample is not one inference, and below 64 of them. */
  readonly p90Ms: number | null
  /** Timed inferences. */
  readonly n: number
  /** Always null: the runs of one session depend on each other, so only ratios carry an interval (docs/measuring.md). */
  readonly ci95: null
  readonly drift: LatencyComparison['drift']
}

export interface BenchRatio {
  readonly a: string
  readonly b: string
  readonly engine: string
  /** b ÷ a */
  readonly ratio: number | null
  readonly ci95: PairComparison['ci95']
  readonly verdict: PairComparison['verdict'] | 'wrong'
  /** Null where nothing was timed. */
  readonly stopped: PairComparison['stopped'] | null
  /** Half-width of “the same” that the verdict rests on: what was asked for, or more after a self-check. */
  readonly margin: number
  readonly blocks: number
  readonly looks: number
  readonly restarts: number
}

const UNTIMED = { ratio: null, ci95: null, stopped: null, blocks: 0, looks: 0, restarts: 0 } as const

export const wrongRatio = (names: Pick<BenchRatio, 'a' | 'b' | 'engine' | 'margin'>): BenchRatio => ({
  ...names,
  ...UNTIMED,
  verdict: 'wrong',
})

/** A race as far as its figures are concerned. */
export interface Raced {
  readonly comparison: LatencyComparison
  /** In the order of the race. */
  readonly variants: readonly (ColdStart | null)[]
}

/** `racer`: place in the race. */
export function ratioOf(
  names: Pick<BenchRatio, 'a' | 'b' | 'engine' | 'margin'>,
  race: Raced | null,
  racer: number,
): BenchRatio {
  const found = race?.comparison.pairs.find(({ b }) => b === racer)
  if (!race || !found) return { ...names, ...UNTIMED, verdict: 'undecided' }
  const { ratio, ci95, verdict, stopped, blocks, looks } = found
  return { ...names, ratio, ci95, verdict, stopped, blocks, looks, restarts: race.comparison.restarts }
}

export function timingOf(race: Raced | null, racer: number): Timing {
  const cold = race?.variants[racer]
  const latency = race?.comparison.variants[racer]
  return {
    loadMs: cold?.loadMs ?? null,
    sessionMs: cold?.sessionMs ?? null,
    firstRunMs: cold?.firstRunMs ?? null,
    medianMs: latency?.medianMs ?? null,
    q1Ms: latency?.q1Ms ?? null,
    q3Ms: latency?.q3Ms ?? null,
    p90Ms: latency?.p90Ms ?? null,
    n: latency?.runs ?? 0,
    ci95: null,
    drift: race?.comparison.drift ?? null,
  }
}
