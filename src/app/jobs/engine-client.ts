// The page's side of one engine: runs, checks and times models in that engine's own worker. One client per engine build and
// thread count, because a worker holds one WebAssembly module for its whole life.

import type {
  AccuracyRequest,
  CheckRequest,
  EngineStart,
  FidelityRequest,
  FidelityResult,
  FreeDimensions,
  LatencyJobRequest,
  LatencyJobResult,
  ModelFile,
  ModelInterface,
  OutputsRequest,
  Predictions,
} from '../../../workers/host/protocol'
import type { NamedValues } from '../../core/pass/tensor-value'
import type { EngineId } from '../../engines/engine'
import type { EngineCheck } from '../../measure/engine-check'
import type { JobOptions } from './supervised-worker'

/** Every method throws `engine/*`, `device/*`, `job/cancelled`, `worker/died`; the next call gets a fresh worker where needed. */
export declare class EngineClient {
  /** `threads`: 1…n for `ort-wasm`; more than one needs cross-origin isolation, without it one is used. */
  constructor(engine: EngineId, threads?: number)
  readonly engine: EngineId
  /** Loads the runtime, probes it and runs its self-tests. Every other method does so too when it must. */
  start(options?: JobOptions): Promise<EngineStart>
  describe(
    request: { readonly model: ModelFile; readonly freeDimensions?: FreeDimensions },
    options?: JobOptions,
  ): Promise<ModelInterface>
  /** Times variants against the first one (measuring.md). */
  compareLatency(request: LatencyJobRequest, options?: JobOptions): Promise<LatencyJobResult>
  /** Same file, this engine against plain WASM with optimization disabled: the only check that hides a speed. */
  engineCheck(request: CheckRequest, options?: JobOptions): Promise<EngineCheck>
  /** Variant against original on this engine; ask the `ort-wasm` client, it is the reference. */
  fidelity(request: FidelityRequest, options?: JobOptions): Promise<FidelityResult>
  /** Classes that the variants predict for a range of samples; call it in stages. */
  accuracy(request: AccuracyRequest, options?: JobOptions): Promise<Predictions>
  /** Runs once. */
  outputs(request: OutputsRequest, options?: JobOptions): Promise<NamedValues>
  /** Ends the worker and gives its memory back; pending jobs reject with `worker/died`. */
  end(): void
}
