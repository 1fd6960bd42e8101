// The self-check: does this device tell apart what is different, and only that? A model is raced against itself (two fresh sessions of
// the same bytes), which must claim nothing, and 21 runs of a session against 20 of the same one, a true ratio of 1.05, which must be
// found. Where two sessions of one file differ by more than the procedure allows for, the allowance is widened, never narrowed.
// Pure: the host runs the races. `self-check-text.ts` says the outcome in words.

import { LabError } from '../core/errors/lab-error'
import { hodgesLehmann } from './hodges-lehmann'
import type { LatencyComparison } from './latency-comparison'
import type { LatencyVerdict } from './pair-test'
import { criticalT } from './student-t'
import { wilsonInterval } from './wilson-interval'

/** Runs of one session that count as one inference of a and of b, and what b ÷ a is for that reason. */
export const KNOWN_TRUTH = { repeatA: 20, repeatB: 21, ratio: 21 / 20 } as const

/** `same`: two fresh sessions of the same bytes, created in random order. `known`: one session, see `KNOWN_TRUTH`. */
export type SelfCheckKind = 'same' | 'known'

export interface SelfCheckPlan {
  readonly same: RaceSeries
  readonly known: RaceSeries
  /** With the warm-up of every race, at most: races that are clear stop earlier. */
  readonly totalSeconds: number
}

interface RaceSeries {
  readonly races: number
  /** Time to sample of each, after the warm-up. */
  readonly seconds: number
}

/** What a self-check is worth asking for: about two minutes, and about ten. */
export const SELF_CHECK_SECONDS = { quick: 20, full: 60 } as const

/** Races by the seconds that a comparison has; fewer than the quick check's show little, and the outcome says so. */
const SERIES = [
  { from: SELF_CHECK_SECONDS.full, same: 20, known: 10 },
  { from: SELF_CHECK_SECONDS.quick, same: 6, known: 3 },
  { from: 5, same: 3, known: 2 },
  { from: 0, same: 1, known: 1 },
] as const
const LONGEST = { same: 10, known: 30 }
/** Two contenders of 3 s, and opening the sessions. */
const WARM_UP_SECONDS = 7

/** `seconds`: what a comparison samples for. Equal sessions get a quarter of it each, known truths the half. */
export function planSelfCheck(seconds: number): SelfCheckPlan {
  const { same, known } = SERIES.find(({ from }) => seconds >= from) ?? SERIES[3]
  const sameSeconds = Math.min(seconds / 4, LONGEST.same)
  const knownSeconds = Math.min(seconds / 2, LONGEST.known)
  return {
    same: { races: same, seconds: sameSeconds },
    known: { races: known, seconds: knownSeconds },
    totalSeconds: same * (sameSeconds + WARM_UP_SECONDS) + known * (knownSeconds + WARM_UP_SECONDS),
  }
}

/** One race of the check; both sides are the same model. */
export interface SelfCheckPair {
  readonly kind: SelfCheckKind
  readonly ratio: number
  /** Null with too few blocks; such a pair shows nothing. */
  readonly ci95: readonly [number, number] | null
  readonly verdict: LatencyVerdict
  readonly blocks: number
  /** Standard error of log ratio; null where `ci95` is. */
  readonly standardError: number | null
}

export interface SelfCheck {
  /** In the order of the races. */
  readonly pairs: readonly SelfCheckPair[]
  readonly same: SameOutcome
  readonly known: KnownOutcome
  /** Whether everything is as it should be: nothing widened, the 5 % found and covered. */
  readonly ok: boolean
  /**
   * `kept`: the procedure's allowance will do. `widened`: equal sessions differ by more. `unfit`: by so much that this device cannot
   * compare. `unknown`: no race of equal sessions had enough blocks for an interval.
   */
  readonly outcome: 'kept' | 'widened' | 'unfit' | 'unknown'
  /** Why it is not `kept`: one pair lies beyond the allowance, or all of them spread more than noise explains. */
  readonly because: 'pair' | 'spread' | null
  /** Allowance for session layout from now on, as a fraction of the ratio: half of `margin`. */
  readonly floor: number
  /** Half-width of “the same” from now on. */
  readonly margin: number
  /** The margin that was asked for. */
  readonly askedMargin: number
}

interface SameOutcome {
  readonly races: number
  /** Races with enough blocks for an interval. */
  readonly judged: number
  /** Judged faster or slower, though equal. */
  readonly falseClaims: number
  /** Wilson 95 % interval of the rate of false claims, as a fraction; null when none was judged. */
  readonly falseClaimRate95: readonly [number, number] | null
  /** Standard deviation of log ratio between equal sessions beyond what noise explains; 0 where noise explains it. */
  readonly layoutSd: number
}

interface KnownOutcome {
  readonly races: number
  readonly judged: number
  /** Judged slower, as it is. */
  readonly found: number
  /** Intervals that hold the true 1.05. */
  readonly covers: number
  /** True when at least nine of ten were found; null without a race. */
  readonly isSensitive: boolean | null
  /** False when so few intervals hold the truth that chance hardly explains it; null when none was judged. */
  readonly isCovered: boolean | null
}

/** Floors are told in steps of half a percent, rounded up. */
const FLOOR_STEPS = 200
/** Beyond ± 25 % nothing is worth claiming. */
const MAX_MARGIN = 0.25
const FOUND = 0.9
const Z95 = 1.96
const Z99 = 2.576
/** One-sided 99 %: what is called more than noise. */
const Z_CLEAR = 2.326
/** The margin holds this share of further races of equal sessions. */
const INSIDE = 0.95
/** Fewer races say nothing about a spread. */
const MIN_FOR_SPREAD = 3

/** `margin`: half-width of “the same” that was asked for, the one the races were run with. */
export function judgeSelfCheck(pairs: readonly SelfCheckPair[], margin: number): SelfCheck {
  const equal = pairs.flatMap((pair) => (pair.kind === 'same' ? judged(pair) : []))
  const layoutSd = spreadBeyondNoise(equal)
  const byPair = Math.max(0, ...equal.map(({ ci95: [low, high] }) => Math.max(low - 1, 1 - high)))
  const bySpread = layoutSd > 0 ? (criticalT(equal.length, INSIDE) * layoutSd) / 2 : 0
  const asked = margin / 2
  const needed = Math.ceil(Math.max(byPair, bySpread) * FLOOR_STEPS) / FLOOR_STEPS
  // Compared before rounding: an allowance that will do is not rounded up.
  const isWidened = Math.max(byPair, bySpread) > asked
  const isUnfit = isWidened && 2 * needed > MAX_MARGIN
  const floor = isUnfit ? Math.max(MAX_MARGIN / 2, asked) : isWidened ? needed : asked
  const known = judgeKnown(pairs)
  const outcome = equal.length === 0 ? 'unknown' : isUnfit ? 'unfit' : isWidened ? 'widened' : 'kept'
  return {
    pairs,
    same: { ...judgeSame(pairs), layoutSd },
    known,
    ok: outcome === 'kept' && known.isSensitive !== false && known.isCovered !== false,
    outcome,
    because: !isWidened ? null : byPair >= bySpread ? 'pair' : 'spread',
    floor,
    margin: 2 * floor,
    askedMargin: margin,
  }
}

type JudgedPair = SelfCheckPair & { readonly ci95: readonly [number, number]; readonly standardError: number }

const judged = (pair: SelfCheckPair): readonly JudgedPair[] => {
  const { ci95, standardError } = pair
  return ci95 && standardError !== null ? [{ ...pair, ci95, standardError }] : []
}

function judgeSame(pairs: readonly SelfCheckPair[]): Omit<SameOutcome, 'layoutSd'> {
  const same = pairs.filter(({ kind }) => kind === 'same')
  const count = same.flatMap(judged).length
  const falseClaims = same.filter(({ verdict }) => verdict === 'faster' || verdict === 'slower').length
  const falseClaimRate95 = count > 0 ? wilsonInterval(falseClaims / count, count, Z95) : null
  return { races: same.length, judged: count, falseClaims, falseClaimRate95 }
}

function judgeKnown(pairs: readonly SelfCheckPair[]): KnownOutcome {
  const known = pairs.filter(({ kind }) => kind === 'known')
  const withInterval = known.flatMap(judged)
  const found = known.filter(({ verdict }) => verdict === 'slower').length
  const covers = withInterval.filter(({ ci95: [low, high] }) => low <= KNOWN_TRUTH.ratio && KNOWN_TRUTH.ratio <= high)
  const count = withInterval.length
  return {
    races: known.length,
    judged: count,
    found,
    covers: covers.length,
    isSensitive: known.length > 0 ? found >= FOUND * known.length : null,
    // One of three may miss by chance; the interval of the rate must reach the nominal 95 %.
    isCovered: count > 0 ? wilsonInterval(covers.length / count, count, Z99)[1] >= 0.95 : null,
  }
}

/**
 * Equal sessions have log ratios around 0, as their order of creation is random. Their mean square is that of the noise plus that of the
 * layout; the difference counts where a chi-square test calls it clear.
 */
function spreadBeyondNoise(equal: readonly JudgedPair[]): number {
  if (equal.length < MIN_FOR_SPREAD) return 0
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const seen = mean(equal.map(({ ratio }) => Math.log(ratio) ** 2))
  const noise = mean(equal.map(({ standardError }) => standardError ** 2))
  return seen > noise * chiSquareOverDegrees(equal.length) ? Math.sqrt(seen - noise) : 0
}

/** 99 % quantile of χ² ÷ degrees of freedom (Wilson & Hilferty 1931; within 1 %). */
const chiSquareOverDegrees = (degrees: number): number =>
  (1 - 2 / (9 * degrees) + Z_CLEAR * Math.sqrt(2 / (9 * degrees))) ** 3

/** What the check keeps of a race of two. */
export function selfCheckPair(kind: SelfCheckKind, { pairs: [pair] }: LatencyComparison): SelfCheckPair {
  if (!pair) throw new LabError('internal', 'A race of the self-check has no pair.')
  const { ratio, ci95, verdict, blocks, blockDifferences } = pair
  // The interval of one standard deviation: robust like the other.
  const { interval } = hodgesLehmann(blockDifferences, 1)
  const standardError = ci95 && interval ? (interval[1] - interval[0]) / 2 : null
  return { kind, ratio, ci95, verdict, blocks, standardError }
}

export interface SelfCheckRequest {
  readonly plan: SelfCheckPlan
  readonly margin: number
  /** Runs one race of `plan[kind].seconds` with `margin`; `index` counts the races of its kind. */
  race(kind: SelfCheckKind, index: number): Promise<LatencyComparison>
  /** After every race: what it comes to so far. */
  report?(partial: SelfCheck): void
}

/** Throws what `race` throws. */
export async function runSelfCheck({ plan, margin, race, report }: SelfCheckRequest): Promise<SelfCheck> {
  const pairs: SelfCheckPair[] = []
  let check = judgeSelfCheck(pairs, margin)
  for (const kind of ['same', 'known'] as const) {
    for (let index = 0; index < plan[kind].races; index++) {
      pairs.push(selfCheckPair(kind, await race(kind, index)))
      check = judgeSelfCheck([...pairs], margin)
      report?.(check)
    }
  }
  return check
}
