// From a model's workload and the operator probe of a device to the few recipes that are worth a race there. What is expected of each is a
// hypothesis that chooses what to race; it decides nothing.

import type { TechniqueId } from '../techniques/catalog'
import type { Goal } from './goals'
import type { Hypothesis } from './hypotheses'

export interface CandidateStep {
  readonly technique: TechniqueId
  readonly options?: Readonly<Record<string, string | boolean | readonly string[]>>
}

export interface Candidate {
  /** Also part of file names. */
  readonly name: string
  readonly label: string
  readonly steps: readonly CandidateStep[]
  /** Latency ÷ that of the original; null where the probe does not tell. */
  readonly expectedRatio: number | null
  /** File ÷ file of the original, roughly. */
  readonly expectedSizeRatio: number
  /** One sentence. */
  readonly why: string
}

/** A recipe that was thought of and is not raced. */
export interface DroppedCandidate {
  readonly name: string
  readonly label: string
  readonly reason: string
}

export interface Advice {
  readonly goal: Goal
  /** At most four. */
  readonly candidates: readonly Candidate[]
  readonly dropped: readonly DroppedCandidate[]
  readonly hypotheses: readonly Hypothesis[]
}
