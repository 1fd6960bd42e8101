// Everything behind the numbers on screen: one record per run, grown stage by stage and saved with the export. Plain JSON.

import type {
  Compression,
  DatasetRef,
  EngineStart,
  FidelityResult,
  LatencyJobResult,
} from '../../../workers/host/protocol'
import type { Recipe } from '../../core/recipe/recipe'
import type { ModelSummary } from '../../core/report/model-summary'
import type { PairedAccuracy } from '../../measure/accuracy-comparison'
import type { ClusteredAgreement } from '../../measure/clustered-agreement'
import type { EngineCheck } from '../../measure/engine-check'
import type { FaultSite } from '../../measure/fault-site'
import type { KeptSelfCheck } from '../platform/self-check-store'

export const RUN_RECORD_VERSION = 2

export interface RunRecord {
  readonly version: typeof RUN_RECORD_VERSION
  /** ISO 8601. */
  readonly startedAt: string
  readonly original: { readonly name: string; readonly sha256: string; readonly summary: ModelSummary }
  /** As asked for; `compression.recipe` is the one as run. */
  readonly recipe: Recipe
  readonly engine?: EngineStart
  /** Plain WASM, on which the answers are compared and counted. */
  readonly reference?: EngineStart
  /** Of this engine on this device, where there was one before: its margin is what the race was judged with. */
  readonly selfCheck?: KeptSelfCheck
  readonly compression?: Pick<Compression, 'summary' | 'report' | 'recipe' | 'recipeKey' | 'sha256'>
  /** Original and variant on this engine against the reference. */
  readonly engineChecks?: readonly [EngineCheck, EngineCheck]
  /** Where the answers start to differ, for the first of the two that fails its check; absent when both are right. */
  readonly faultSite?: FaultSite
  readonly fidelity?: FidelityResult
  readonly accuracy?: AccuracyRecord
  readonly latency?: LatencyJobResult
}

/** Right answers on labelled data; without labels, how often the variant agrees with the original. */
export type AccuracyRecord = {
  readonly dataset: string
  /** Samples looked at so far and in the whole set. */
  readonly measured: number
  readonly available: number
} & (
  | { readonly kind: 'labelled'; readonly comparison: PairedAccuracy }
  | { readonly kind: 'agreement'; readonly comparison: ClusteredAgreement }
)

/** How a data set is called in sentences. */
export const datasetLabel = (ref: DatasetRef): string => (ref.kind === 'zoo' ? ref.id : ref.name)
