// The page's side of one engine: runs, checks and times models in that engine's own worker. One client per engine and
// thread count, because a worker holds one WebAssembly module for its whole life.

import type {
  AccuracyRequest,
  BisectRequest,
  CheckRequest,
  ContenderRequest,
  ContenderStart,
  EngineApi,
  EngineConfig,
  EngineStart,
  FidelityRequest,
  FidelityResult,
  InterfaceRequest,
  LatencyJobRequest,
  LatencyJobResult,
  ModelInterface,
  OutputsRequest,
  Predictions,
  ProbeRequest,
  SlotRequest,
} from '../../../workers/host/protocol'
import type { NamedValues } from '../../core/pass/tensor-value'
import type { EngineId } from '../../engines/engine'
import type { SlotTimes, WarmUpRule } from '../../measure/contender'
import type { EngineCheck } from '../../measure/engine-check'
import type { FaultSite } from '../../measure/fault-site'
import type { ProbeTable } from '../../probe/probe-table'
import { freshPageFacts, pageFacts, withEndOfRun } from './page-facts'
import type { JobOptions } from './run-job'
import { SupervisedWorker, type WorkerOptions } from './supervised-worker'

/**
 * Every method throws `engine/*`, `device/*`, `model/*`, `job/cancelled` and `worker/died`; after any of them the next call goes on,
 * in a fresh worker where the old one cannot. Jobs of one client run one after another.
 */
export class EngineClient {
  readonly engine: EngineId
  /** As asked for; without cross-origin isolation one thread is used (`EngineStart.facts.threads` tells). */
  readonly threads: number
  readonly #worker: SupervisedWorker<EngineApi>

  constructor(engine: EngineId, threads = 1, options: Partial<WorkerOptions> = {}) {
    this.engine = engine
    this.threads = threads
    this.#worker = new SupervisedWorker({ name: engine, spawn, ...options })
  }

  /** Loads the runtime, probes it and runs its self-tests. Every other method does so too when it must. */
  start(options?: JobOptions): Promise<EngineStart> {
    return this.#worker.run('start', this.#observed({}, options), options)
  }

  /** Inputs and outputs as the engine sees them. */
  describe(request: InterfaceRequest, options?: JobOptions): Promise<ModelInterface> {
    return this.#worker.run('describe', { ...this.#config, ...request }, options)
  }

  /** Times variants against the first one (docs/measuring.md). */
  async compareLatency(request: LatencyJobRequest, options?: JobOptions): Promise<LatencyJobResult> {
    const result = await this.#worker.run('compareLatency', this.#observed(request, options), options)
    return { ...result, environment: await withEndOfRun(result.environment) }
  }

  /** Which operators and formats this engine runs, how right and how fast: a hint of seconds, never a verdict. */
  async probe(request: ProbeRequest, options?: JobOptions): Promise<ProbeTable> {
    const table = await this.#worker.run('probe', this.#observed(request, options), options)
    return { ...table, environment: await withEndOfRun(table.environment) }
  }

  /** For a race over several workers: opens what the next three methods time, and closes everything else in this worker. */
  openContender(request: ContenderRequest, options?: JobOptions): Promise<ContenderStart> {
    return this.#worker.run('openContender', { ...this.#config, ...request }, options)
  }

  /** Times of all its warm-up runs, ms. */
  warmUpContender(rule: WarmUpRule, options?: JobOptions): Promise<readonly number[]> {
    return this.#worker.run('warmUpContender', { ...this.#config, ...rule }, options)
  }

  timeSlot(slot: SlotRequest, options?: JobOptions): Promise<SlotTimes> {
    return this.#worker.run('timeSlot', { ...this.#config, ...slot }, options)
  }

  /** The same file on this engine and on plain WASM with optimization disabled: the only check that hides a speed. */
  engineCheck(request: CheckRequest, options?: JobOptions): Promise<EngineCheck> {
    return this.#worker.run('engineCheck', { ...this.#config, ...request }, options)
  }

  /** After a failed engine check: where the answers start to differ. Opens many parts of the model, one after another. */
  bisect(request: BisectRequest, options?: JobOptions): Promise<FaultSite> {
    return this.#worker.run('bisect', { ...this.#config, ...request }, options)
  }

  /** Variant against original, both on the reference engine whatever this client's is. */
  fidelity(request: FidelityRequest, options?: JobOptions): Promise<FidelityResult> {
    return this.#worker.run('fidelity', { ...this.#config, ...request }, options)
  }

  /** Classes that the variants predict for a range of samples; call it in stages, the sessions stay open in between. */
  accuracy(request: AccuracyRequest, options?: JobOptions): Promise<Predictions> {
    return this.#worker.run('accuracy', { ...this.#config, ...request }, options)
  }

  /** Runs once; the session stays open for the next call on the same model. */
  outputs(request: OutputsRequest, options?: JobOptions): Promise<NamedValues> {
    return this.#worker.run('outputs', { ...this.#config, ...request }, options)
  }

  /** Ends the worker and gives its memory back; pending jobs reject with `worker/died`. The next call starts a fresh one. */
  end(): void {
    this.#worker.end()
  }

  get #config(): EngineConfig {
    return { engine: this.engine, threads: this.threads, page: pageFacts() }
  }

  /** With the conditions read now, for jobs whose results carry them. */
  async #observed<T>(request: T, options: JobOptions | undefined): Promise<EngineConfig & T> {
    return { ...request, ...this.#config, page: await freshPageFacts(options?.signal) }
  }
}

const spawn = (): Worker =>
  new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' })
