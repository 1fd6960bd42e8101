// Who won: from what the checks, the answers and the race found to a winner and the reason why each of the others lost, or to “keep the
// original”. Pure rules; the words are in `best-text.ts`.

import type { EngineCheck } from '../measure/engine-check'
import type { PairedAccuracy } from '../measure/accuracy-comparison'
import type { Fidelity } from '../measure/fidelity'
import type { PairComparison } from '../measure/latency-comparison'
import type { Goal } from './goals'

/** Points are fractions of 1: −0.01 is one point. */
export const LEAST_ACCURACY = -0.01
/** Without labels: one answer in fifty may change its class, */
export const LEAST_AGREEMENT = 0.98
/** counted on so many samples at least; */
export const AGREEMENT_SAMPLES = 50
/** with fewer the outputs may be off by a tenth of the signal, dB. */
export const LEAST_SQNR_DB = 20
/** Of the original's size, for the most exact of the small files. */
export const EXACT_SIZE = 0.55

/** What is known of one candidate after the race. */
export interface BestEntry {
  readonly name: string
  readonly label: string
  /** File ÷ file of the original; null where it could not be built. */
  readonly sizeRatio: number | null
  /** Why it could not be built, checked or opened. */
  readonly failure?: string
  readonly check?: Pick<EngineCheck, 'ok' | 'failing'>
  readonly fidelity?: Pick<Fidelity, 'samples' | 'outputs' | 'topOneAgreement'>
  /** On labelled data. */
  readonly accuracy?: Pick<PairedAccuracy, 'difference' | 'ci95' | 'n'>
  /** On data without labels: how often the first class stays. */
  readonly agreement?: { readonly agreement: number; readonly n: number }
  /** Against the original; absent where nothing was timed. */
  readonly latency?: Pick<PairComparison, 'ratio' | 'ci95' | 'verdict'>
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
  /** Its speed may be claimed to be behind the winner's. */
  | { readonly kind: 'behind'; readonly ratio: number; readonly winner: string }
  /** As fast as the winner as far as the race can tell, and larger. */
  | { readonly kind: 'larger'; readonly winner: string }
  | { readonly kind: 'not-smaller'; readonly limit: number }
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
  /** Not to be told from the winner by its speed; where the original is kept: the same speed, and smaller. */
  readonly runnersUp: readonly string[]
  /** In the order of the entries. */
  readonly standings: readonly Standing[]
}
