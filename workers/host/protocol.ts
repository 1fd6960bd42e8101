// What crosses between the page and its workers: plain data and handles only. The page imports these types and nothing else from here.
// Model bytes travel as `Blob` handles, which are cloned by reference; decoded models and sessions never leave their worker.
// Read `job.ts` (worker side) and `src/app/jobs/run-job.ts` (page side) next.

import type { Workload } from '../../src/advisor/workload'
import type { WireError } from '../../src/core/errors/lab-error'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { StepReport } from '../../src/core/pass/run-recipe'
import type { Recipe } from '../../src/core/recipe/recipe'
import type { ModelSummary } from '../../src/core/report/model-summary'
import type {
  AnsweringSession,
  EngineFacts,
  EngineId,
  EngineTensorInfo,
  OpenOptions,
  Residency,
} from '../../src/engines/engine'
import type { Sensitivity } from '../../src/sensitivity/sensitivity'
import type { TensorDetail, TensorName } from '../../src/sensitivity/tensor-detail'
import type { ProbeTable } from '../../src/probe/probe-table'
import type { EnvironmentRecord, PageEnvironment } from '../../src/engines/environment-record'
import type { ColdStart } from '../../src/measure/cold-start'
import type { SlotTimes, WarmUpRule } from '../../src/measure/contender'
import type { LatencyComparison, LatencyMode } from '../../src/measure/latency-comparison'
import type { SlotPlan } from '../../src/measure/sampling-plan'
import type { EngineCheck } from '../../src/measure/engine-check'
import type { FaultSite } from '../../src/measure/fault-site'
import type { Fidelity } from '../../src/measure/fidelity'

export type JobReply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: WireError }
/** `fraction` 0…1; arrives at most ten times a second. */
export type JobProgress = (fraction: number, what: string) => void
/** What the page tells a running job: stop, or that the page was hidden and timings are spoilt. */
export type ControlMessage = 'cancel' | 'disturbed'
/** A worker method. After `cancel` on `control` it replies `job/cancelled` as soon as it has stopped. */
export type Job<I, O> = (input: I, control: MessagePort, progress: JobProgress) => Promise<JobReply<O>>
export type JobInput<J> = J extends (input: infer I, ...rest: never) => unknown ? I : never
export type JobOutput<J> = J extends (...args: never) => Promise<JobReply<infer O>> ? O : never

/** Names a model within the page's life. */
export type ModelId = string & { readonly __brand: 'ModelId' }

export interface ExternalFile {
  /** `location` as the model states it. */
  readonly path: string
  readonly file: Blob
}

/** A model as handles: everything a worker needs to read it, at any time, as often as it must. */
export interface ModelFile {
  readonly id: ModelId
  readonly file: Blob
  readonly externalData: readonly ExternalFile[]
}

/** Real data, by reference: the worker fetches (own origin only) or reads it. */
export type DatasetRef =
  { readonly kind: 'zoo'; readonly id: string } | { readonly kind: 'npz'; readonly name: string; readonly file: Blob }

/** What a worker cannot see for itself. */
export interface PageFacts {
  /** Bundled data are fetched relative to it, from the page's own origin. */
  readonly baseUrl: string
  /** Absent outside a page. */
  readonly environment?: PageEnvironment
}

// compress.worker.ts

export interface LoadedModel {
  readonly model: ModelFile
  readonly summary: ModelSummary
  /** A size for each free dimension: what the model runs with unless the visitor says otherwise. */
  readonly freeDimensions: FreeDimensions
  /** SHA-256 of the model file, hex. */
  readonly sha256: string
}

export interface CompressRequest {
  readonly model: ModelFile
  /** Name of the result; the page chooses it. */
  readonly resultId: ModelId
  readonly recipe: Recipe
  readonly calibration?: DatasetRef | undefined
  readonly page: PageFacts
}

export interface Compression {
  /** The result: its blob is the .onnx file to download, race or compress further. */
  readonly model: ModelFile
  readonly summary: ModelSummary
  readonly report: { readonly steps: readonly StepReport[]; readonly totalMs: number }
  /** As run: with the calibration ranges filled in. */
  readonly recipe: Recipe
  readonly recipeKey: string
  /** SHA-256 of the resulting file, hex; null when there is no memory left to read it back. */
  readonly sha256: string | null
}

/** Which tensors and layers a recipe hurts; needs real data. */
export interface SensitivityJobRequest {
  readonly model: ModelFile
  readonly recipe: Recipe
  readonly data: DatasetRef
  readonly samples: number
  readonly page: PageFacts
}

/** One tensor of such an analysis; `recipe` with the ranges that it found, so that they are not measured again. */
export interface TensorDetailRequest extends SensitivityJobRequest {
  readonly tensor: TensorName
}

/** Where a model's arithmetic and bytes are; only the worker has the model. */
interface WorkloadRequest {
  readonly model: ModelFile
  readonly freeDimensions: FreeDimensions
}

export interface CompressApi {
  /** `files`: the model, then what may be its external data, by name. */
  load: Job<{ readonly id: ModelId; readonly files: readonly { name: string; file: Blob }[] }, LoadedModel>
  compress: Job<CompressRequest, Compression>
  sensitivity: Job<SensitivityJobRequest, Sensitivity>
  workload: Job<WorkloadRequest, Workload>
  tensorDetail: Job<TensorDetailRequest, TensorDetail>
  /** Forgets a decoded model; unknown ids are fine. */
  release: Job<ModelId, null>
}

// engine.worker.ts

/** Comes with every request, so that a fresh worker knows what to start. */
export interface EngineConfig {
  readonly engine: EngineId
  readonly threads: number
  readonly page: PageFacts
}

export interface EngineStart {
  readonly facts: EngineFacts
  readonly environment: EnvironmentRecord
  /** Loading, compiling and starting the runtime in this worker, ms: cold start of its own, apart from model, session and first run. */
  readonly startMs: number
}

/** Free dimensions by name; what is not given gets a stated default. */
export type FreeDimensions = Readonly<Record<string, number>>

export interface InterfaceRequest {
  readonly model: ModelFile
  readonly freeDimensions?: FreeDimensions | undefined
}

export interface ModelInterface {
  readonly inputs: readonly EngineTensorInfo[]
  readonly outputs: readonly EngineTensorInfo[]
  /** Sizes that were used for symbolic dimensions. */
  readonly freeDimensions: FreeDimensions
  /** Reading the file, ms. */
  readonly loadMs: number
  /** Creating the session, ms. */
  readonly sessionMs: number
}

/** What the models are fed with. Synthetic inputs follow names, dtypes and ranks, and every result says so. */
export type InputSource =
  | { readonly kind: 'synthetic'; readonly seed: number; readonly count: number }
  | { readonly kind: 'dataset'; readonly dataset: DatasetRef; readonly count: number }
  | { readonly kind: 'values'; readonly feeds: readonly NamedValues[] }

export interface RaceVariant {
  readonly label: string
  readonly model: ModelFile
  /** Inferences in one run; more than 1 where a known ratio is wanted (self-check). Default 1. */
  readonly repeat?: number
  /** Index of an earlier variant whose session this one uses too, instead of one of its own. */
  readonly sharesSessionWith?: number
}

/** `in-turn`: only one session is open at a time, because memory forbids more; they are opened for every slot, outside the timing. */
export type SessionsOpen = 'together' | 'in-turn'

export interface SessionPlan {
  readonly open: SessionsOpen
  /** Estimated memory of all sessions together, bytes. */
  readonly neededBytes: number
  /** What one page may use, bytes; null where there is no limit to speak of. */
  readonly capBytes: number | null
}

export interface LatencyJobRequest {
  /** The first is the original. */
  readonly variants: readonly RaceVariant[]
  readonly inputs: InputSource
  readonly freeDimensions?: FreeDimensions | undefined
  /** Time to sample, after warm-up. */
  readonly seconds: number
  readonly mode?: LatencyMode | undefined
  /** By memory when absent. */
  readonly sessions?: SessionsOpen | undefined
  /** Half width of "the same"; the procedure's default when absent. */
  readonly margin?: number | undefined
  /** What the timed region holds; `cpu`, end to end, when absent. */
  readonly residency?: Residency | undefined
  /** For tests; the procedure's rule when absent. */
  readonly warmUp?: WarmUpRule | undefined
  readonly seed: number
}

export interface LatencyJobResult {
  readonly comparison: LatencyComparison
  /** In the order of the request's variants. */
  readonly variants: readonly ColdStart[]
  readonly isSynthetic: boolean
  readonly freeDimensions: FreeDimensions
  /** What the timed region held. */
  readonly residency: Residency
  readonly sessions: SessionPlan
  readonly environment: EnvironmentRecord
}

/** One model on this worker's engine as a contender of a race over several workers. A worker holds one at a time, until it ends. */
export interface ContenderRequest {
  readonly label: string
  readonly model: ModelFile
  readonly inputs: InputSource
  readonly freeDimensions?: FreeDimensions | undefined
}

export interface ContenderStart {
  readonly cold: ColdStart
  readonly environment: EnvironmentRecord
  readonly isSynthetic: boolean
  readonly freeDimensions: FreeDimensions
}

export interface SlotRequest {
  readonly plan: SlotPlan
  readonly firstInput: number
}

export interface CheckRequest {
  readonly model: ModelFile
  readonly inputs: InputSource
  readonly freeDimensions?: FreeDimensions | undefined
}

/** After a failed check, with the same model and inputs. */
export interface BisectRequest extends CheckRequest {
  readonly check: EngineCheck
}

export interface FidelityRequest {
  readonly original: ModelFile
  readonly variant: ModelFile
  readonly inputs: InputSource
  readonly freeDimensions?: FreeDimensions | undefined
}

export interface FidelityResult {
  readonly fidelity: Fidelity
  readonly isSynthetic: boolean
}

export interface AccuracyRequest {
  readonly variants: readonly ModelFile[]
  readonly dataset: DatasetRef
  /** Samples `from` (included) to `to` (excluded); `to` is cut at the size of the data set. */
  readonly from: number
  readonly to: number
}

export interface Predictions {
  readonly from: number
  readonly to: number
  /** Samples in the whole data set. */
  readonly size: number
  /** The true classes of these samples; absent when the set has no labels. */
  readonly labels?: Int32Array
  /** Group of each of these samples; absent when they are independent. */
  readonly clusters?: Int32Array
  /** One array per variant: the class with the largest score (the lowest index among equals), −1 where a score is NaN. */
  readonly classes: readonly Int32Array[]
}

export interface ProbeRequest {
  /** Time to sample, after checks and warm-up; a few rounds are always run. */
  readonly seconds: number
  readonly seed: number
}

export interface OutputsRequest {
  readonly model: ModelFile
  readonly feeds: NamedValues
  readonly freeDimensions?: FreeDimensions | undefined
  readonly wanted?: readonly string[] | undefined
}

export interface EngineApi {
  start: Job<EngineConfig, EngineStart>
  describe: Job<EngineConfig & InterfaceRequest, ModelInterface>
  compareLatency: Job<EngineConfig & LatencyJobRequest, LatencyJobResult>
  openContender: Job<EngineConfig & ContenderRequest, ContenderStart>
  /** Times of all warm-up runs of the open contender, ms. */
  warmUpContender: Job<EngineConfig & WarmUpRule, readonly number[]>
  timeSlot: Job<EngineConfig & SlotRequest, SlotTimes>
  engineCheck: Job<EngineConfig & CheckRequest, EngineCheck>
  bisect: Job<EngineConfig & BisectRequest, FaultSite>
  fidelity: Job<EngineConfig & FidelityRequest, FidelityResult>
  accuracy: Job<EngineConfig & AccuracyRequest, Predictions>
  outputs: Job<EngineConfig & OutputsRequest, NamedValues>
  probe: Job<EngineConfig & ProbeRequest, ProbeTable>
}

/** What one worker asks of the reference engine's worker: sessions by number, on plain WASM with one thread. */
export interface InferenceApi {
  /** `model` is moved, not copied. */
  openSession(
    model: Uint8Array<ArrayBuffer>,
    options: Omit<OpenOptions, 'optimization'>,
  ): Promise<
    JobReply<Pick<AnsweringSession, 'inputNames' | 'outputNames' | 'inputs' | 'outputs' | 'sessionMs'> & { id: number }>
  >
  runSession(id: number, feeds: NamedValues, wanted?: readonly string[]): Promise<JobReply<NamedValues>>
  closeSession(id: number): Promise<JobReply<void>>
}
