// Everything behind “best for this device”: what the probe found, what was raced and why, every figure, and the verdict. Grown stage by
// stage; plain JSON.

import type { Compression, EngineStart, FidelityResult, LatencyJobResult } from '../../../workers/host/protocol'
import type { Advice, Candidate } from '../../advisor/advise'
import type { Goal } from '../../advisor/goals'
import type { BestVerdict } from '../../advisor/judge-best'
import type { Workload } from '../../advisor/workload'
import type { Recipe } from '../../core/recipe/recipe'
import type { ModelSummary } from '../../core/report/model-summary'
import type { EngineCheck } from '../../measure/engine-check'
import type { ProbeTable } from '../../probe/probe-table'
import type { KeptSelfCheck } from '../platform/self-check-store'
import type { AccuracyRecord } from './run-record'

export const BEST_RECORD_VERSION = 1

export interface BestRecord {
  readonly version: typeof BEST_RECORD_VERSION
  /** ISO 8601. */
  readonly startedAt: string
  readonly goal: Goal
  readonly original: { readonly name: string; readonly sha256: string; readonly summary: ModelSummary }
  readonly engine?: EngineStart
  /** Plain WASM, on which the answers are compared and counted. */
  readonly reference?: EngineStart
  /** Of this engine on this device, where there was one before: its margin is what the race was judged with. */
  readonly selfCheck?: KeptSelfCheck
  readonly probe?: ProbeTable
  readonly workload?: Workload
  readonly advice?: Advice
  /** Of the original on this engine; a failed one ends the run: no speed could be shown. */
  readonly originalCheck?: EngineCheck
  /** In the order of `advice.candidates`. */
  readonly contenders: readonly BestContender[]
  /** Contender 0 is the original, then those in `raced`. */
  readonly latency?: LatencyJobResult
  /** Names of the candidates in the order of the race. */
  readonly raced?: readonly string[]
  readonly verdict?: BestVerdict
}

export interface BestContender {
  readonly candidate: Candidate
  readonly recipe: Recipe
  /** Why it could not be built or checked. */
  readonly failure?: string
  readonly compression?: Pick<Compression, 'summary' | 'report' | 'recipe' | 'recipeKey' | 'sha256'>
  readonly check?: EngineCheck
  readonly fidelity?: FidelityResult
  readonly accuracy?: AccuracyRecord
}
