// Who won: from what the checks, the answers and the race found to a winner and the reason why each of the others lost, or to “keep the
// original”. Pure rules; the words are in `best-text.ts`.

import type { EngineCheck } from '../measure/engine-check'
import type { PairedAccuracy } from '../measure/accuracy-comparison'
import type { Fidelity } from '../measure/fidelity'
import type { PairComparison } from '../measure/latency-comparison'
import type { Goal } from './goals'

/** One point less: as much accuracy may be lost. */
const LEAST_DIFFERENCE = -0.01
/**
 * Without labels: one answer in ten may change its class, counted on so many samples at least. Classes change where a model is unsure, to
 * right ones as well as to wrong ones: EfficientNet-Lite0 keeps 92 to 94 % of them in int8, even with weights in int8 alone.
 */
const LEAST_AGREEMENT = 0.9
const AGREEMENT_SAMPLES = 50
/** With fewer samples, or none, the outputs may be off by a tenth of the signal, dB. */
const LEAST_SQNR_DB = 20
/** Of the original's size: what counts as small when the most exact file is wanted. Half, and what a graph takes. */
const EXACT_SIZE = 0.55
/** An undecided speed counts as not slower up to this. */
const UNDECIDED_RATIO = 1.05

/** What is known of one candidate after the race. */
export interface BestEntry {
  readonly name: string
  readonly label: string
  /** File ÷ file of the original; null where it could not be built. */
  readonly sizeRatio: number | null
  /** Why it could not be built, opened or compared; a sentence. */
  readonly failure?: string | undefined
  readonly check?: Pick<EngineCheck, 'ok' | 'failing'> | undefined
  readonly fidelity?: Pick<Fidelity, 'outputs'> | undefined
  /** On labelled data. */
  readonly accuracy?: Pick<PairedAccuracy, 'difference' | 'ci95'> | undefined
  /** On data without labels: how often the first class stays. */
  readonly agreement?: { readonly agreement: number; readonly n: number } | undefined
  /** Against the original; absent where nothing was timed. */
  readonly latency?: Pick<PairComparison, 'ratio' | 'ci95' | 'verdict'> | undefined
}

/** Why a candidate did not win. */
export type LossReason =
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'wrong-answers'; readonly output: string | null }
  | { readonly kind: 'less-accurate'; readonly difference: number; readonly ci95: readonly [number, number] }
  | { readonly kind: 'other-classes'; readonly agreement: number; readonly n: number }
  | { readonly kind: 'inexact'; readonly sqnrDb: number | null }
  | { readonly kind: 'not-timed' }
  | { readonly kind: 'slower' | 'same' | 'undecided'; readonly ratio: number }
  /** It may be claimed to be slower than the winner: their intervals lie apart. */
  | { readonly kind: 'behind'; readonly ratio: number; readonly winner: string }
  /** As fast as the winner as far as the race can tell, and larger. */
  | { readonly kind: 'as-fast-larger'; readonly ratio: number; readonly winner: string }
  | { readonly kind: 'as-fast'; readonly ratio: number; readonly winner: string }
  | { readonly kind: 'larger'; readonly winner: string }
  | { readonly kind: 'not-smaller'; readonly sizeRatio: number; readonly limit: number }
  | { readonly kind: 'less-exact'; readonly winner: string }

export interface Standing {
  readonly name: string
  readonly label: string
  readonly place: 'winner' | 'runner-up' | 'lost'
  /** Null for the winner. */
  readonly reason: LossReason | null
}

export interface BestVerdict {
  readonly goal: Goal
  /** Name of the winner; null: keep the original. */
  readonly winner: string | null
  /** Under `speed`: not to be told from the winner by speed; where the original is kept: the same speed and smaller, smallest first. */
  readonly runnersUp: readonly string[]
  /** In the order of the entries. */
  readonly standings: readonly Standing[]
}

/**
 * `speed`: of those whose answers hold and whose verdict against the original is “faster”, the one with the smallest ratio; those whose
 * intervals overlap its share the place, and of these the fastest among the smallest wins. `size`: the smallest file whose answers hold and which is
 * not slower. `exact`: of the files up to 0.55 of the size whose answers hold and which are not slower, the one with the best SQNR.
 */
export function judgeBest(goal: Goal, entries: readonly BestEntry[]): BestVerdict {
  const reasons = new Map<BestEntry, LossReason>()
  const sound = entries.filter((entry) => {
    const fault = faultOf(entry)
    if (fault) reasons.set(entry, fault)
    return !fault
  })
  const found = JUDGES[goal](sound, reasons)
  return {
    goal,
    winner: found.winner?.name ?? null,
    runnersUp: found.runnersUp.map(({ name }) => name),
    standings: entries.map((entry) => {
      const isRunnerUp = found.runnersUp.includes(entry)
      return {
        name: entry.name,
        label: entry.label,
        place: entry === found.winner ? 'winner' : isRunnerUp ? 'runner-up' : 'lost',
        reason: reasons.get(entry) ?? null,
      }
    }),
  }
}

/** Why an entry may not win under any goal. */
function faultOf(entry: BestEntry): LossReason | undefined {
  const { failure, check, accuracy, agreement } = entry
  if (failure !== undefined) return { kind: 'failed', message: failure }
  if (check && !check.ok) return { kind: 'wrong-answers', output: check.failing }
  if (accuracy) return holdsAccuracy(accuracy) ? undefined : { kind: 'less-accurate', ...pickAccuracy(accuracy) }
  if (agreement && agreement.n >= AGREEMENT_SAMPLES) {
    const { agreement: same, n } = agreement
    return same >= LEAST_AGREEMENT ? undefined : { kind: 'other-classes', agreement: same, n }
  }
  const sqnrDb = sqnrOf(entry)
  if (sqnrDb >= LEAST_SQNR_DB) return undefined
  return { kind: 'inexact', sqnrDb: Number.isFinite(sqnrDb) ? sqnrDb : null }
}

/** Shown to lose at most a point; or, where the samples are too few to show it, no loss seen and at most a point estimated. */
function holdsAccuracy({ difference, ci95: [low, high] }: NonNullable<BestEntry['accuracy']>): boolean {
  return low >= LEAST_DIFFERENCE || (high >= 0 && difference >= LEAST_DIFFERENCE)
}

const pickAccuracy = ({ difference, ci95 }: NonNullable<BestEntry['accuracy']>) => ({ difference, ci95 })

/** Of the worst output, dB; infinite where all are identical, −∞ where nothing can be said. */
function sqnrOf({ fidelity }: BestEntry): number {
  const outputs = fidelity?.outputs ?? []
  if (outputs.length === 0) return -Infinity
  return Math.min(...outputs.map(({ isIdentical, sqnrDb }) => (isIdentical ? Infinity : (sqnrDb ?? -Infinity))))
}

interface Found {
  readonly winner: BestEntry | undefined
  readonly runnersUp: readonly BestEntry[]
}
/** Among entries whose answers hold; gives all that lose a reason. */
type Judge = (sound: readonly BestEntry[], reasons: Map<BestEntry, LossReason>) => Found

/** Of the original's size: less decides nothing between files that are as fast. */
const SIZE_THAT_MATTERS = 0.05

const judgeSpeed: Judge = (sound, reasons) => {
  const faster = sound.filter(({ latency }) => latency?.verdict === 'faster')
  for (const entry of sound) if (!faster.includes(entry)) reasons.set(entry, speedReason(entry))
  const [lead] = faster.toSorted((a, b) => ratioOf(a) - ratioOf(b))
  if (!lead) {
    const equals = sound.filter((entry) => entry.latency?.verdict === 'same' && sizeOf(entry) < 1)
    return { winner: undefined, runnersUp: equals.toSorted(bySize) }
  }
  const sharing = faster.filter((entry) => overlap(entry, lead)).toSorted(bySize)
  const smallest = Math.min(...sharing.map(sizeOf))
  const isLarger = (entry: BestEntry): boolean => sizeOf(entry) >= smallest + SIZE_THAT_MATTERS
  const [winner = lead] = sharing.filter((entry) => !isLarger(entry)).toSorted((a, b) => ratioOf(a) - ratioOf(b))
  const runnersUp = sharing.filter((entry) => entry !== winner)
  for (const entry of runnersUp) {
    const others = { winner: winner.name, ratio: ratioOf(entry) }
    reasons.set(entry, isLarger(entry) ? { kind: 'as-fast-larger', ...others } : { kind: 'as-fast', ...others })
  }
  for (const entry of faster)
    if (!sharing.includes(entry)) reasons.set(entry, { kind: 'behind', ratio: ratioOf(entry), winner: winner.name })
  return { winner, runnersUp }
}

const judgeSize: Judge = (sound, reasons) => {
  const [winner, ...others] = smallAndNotSlower(sound, 1, reasons).toSorted(bySize)
  if (winner) for (const entry of others) reasons.set(entry, { kind: 'larger', winner: winner.name })
  return { winner, runnersUp: [] }
}

const judgeExact: Judge = (sound, reasons) => {
  const small = smallAndNotSlower(sound, EXACT_SIZE, reasons)
  const [winner, ...others] = small.toSorted((a, b) => compare(sqnrOf(b), sqnrOf(a)) || bySize(a, b))
  if (winner) for (const entry of others) reasons.set(entry, { kind: 'less-exact', winner: winner.name })
  return { winner, runnersUp: [] }
}

const JUDGES: Readonly<Record<Goal, Judge>> = { speed: judgeSpeed, size: judgeSize, exact: judgeExact }

/** Without a timing nothing says that a file is slower, as on a software GPU. */
function smallAndNotSlower(
  sound: readonly BestEntry[],
  limit: number,
  reasons: Map<BestEntry, LossReason>,
): readonly BestEntry[] {
  return sound.filter((entry) => {
    const { latency } = entry
    const isUndecidedAndBehind = latency?.verdict === 'undecided' && latency.ratio > UNDECIDED_RATIO
    const isSmall = limit < 1 ? sizeOf(entry) <= limit : sizeOf(entry) < limit
    if (latency?.verdict === 'slower' || isUndecidedAndBehind) reasons.set(entry, speedReason(entry))
    else if (!isSmall) reasons.set(entry, { kind: 'not-smaller', sizeRatio: sizeOf(entry), limit })
    else return true
    return false
  })
}

function speedReason({ latency }: BestEntry): LossReason {
  if (!latency || latency.verdict === 'faster') return { kind: 'not-timed' }
  return { kind: latency.verdict, ratio: latency.ratio }
}

const sizeOf = ({ sizeRatio }: BestEntry): number => sizeRatio ?? Infinity
const ratioOf = ({ latency }: BestEntry): number => latency?.ratio ?? Infinity
/** Also for two infinite values, whose difference is no number. */
const compare = (a: number, b: number): number => (a === b ? 0 : a - b)
const bySize = (a: BestEntry, b: BestEntry): number => compare(sizeOf(a), sizeOf(b)) || compare(ratioOf(a), ratioOf(b))

/** Only ratios to the original are tested, so two others differ where their intervals lie apart. */
function overlap(a: BestEntry, b: BestEntry): boolean {
  const [one, other] = [a.latency?.ci95, b.latency?.ci95]
  if (a === b || !one || !other) return a === b
  return one[0] <= other[1] && other[0] <= one[1]
}
