// The page's side of compression: opens models and runs recipes in the compress worker. It keeps file handles, never weights,
// so a worker that died or ended is replaced without anybody noticing more than the time to read the file again.

import type {
  Compression,
  CompressApi,
  DatasetRef,
  FreeDimensions,
  LoadedModel,
  ModelFile,
  ModelId,
  SensitivityJobRequest,
  TensorDetailRequest,
} from '../../../workers/host/protocol'
import type { Workload } from '../../advisor/workload'
import { LabError } from '../../core/errors/lab-error'
import type { Recipe } from '../../core/recipe/recipe'
import type { Sensitivity } from '../../sensitivity/sensitivity'
import type { TensorDetail } from '../../sensitivity/tensor-detail'
import { newModelId } from './model-file'
import { pageFacts } from './page-facts'
import type { JobOptions } from './run-job'
import { SupervisedWorker, type WorkerOptions } from './supervised-worker'

export interface CompressJob {
  /** A loaded model or an earlier result. */
  readonly modelId: ModelId
  readonly recipe: Recipe
  readonly calibration?: DatasetRef | undefined
}

export class CompressClient {
  readonly #worker: SupervisedWorker<CompressApi>
  readonly #files = new Map<ModelId, ModelFile>()

  constructor(options: Partial<WorkerOptions> = {}) {
    this.#worker = new SupervisedWorker({ name: 'compress', spawn, ...options })
  }

  /**
   * Opens a model: the `.onnx` among `files` and, beside it, its external data. Throws `model/*` for what the file is,
   * `data/invalid` when there is not exactly one model, `job/cancelled`, `worker/died`.
   */
  async load(files: readonly File[] | Blob, options?: JobOptions): Promise<LoadedModel> {
    const named =
      files instanceof Blob
        ? [{ name: 'model.onnx', file: files }]
        : files.map((file) => ({ name: file.webkitRelativePath || file.name, file }))
    const loaded = await this.#worker.run('load', { id: newModelId(), files: named }, options)
    this.#files.set(loaded.model.id, loaded.model)
    return loaded
  }

  /** Throws what `runRecipe` throws, `job/cancelled`, `worker/died`. The result is kept until it is released. */
  async compress({ modelId, recipe, calibration }: CompressJob, options?: JobOptions): Promise<Compression> {
    const model = this.#fileOf(modelId)
    const request = { model, resultId: newModelId(), recipe, calibration, page: pageFacts() }
    const compression = await this.#worker.run('compress', request, options)
    this.#files.set(compression.model.id, compression.model)
    return compression
  }

  /** Which tensors and layers a recipe hurts. Throws what techniques, engine and data throw, `job/cancelled`, `worker/died`. */
  async sensitivity(
    { modelId, ...rest }: Omit<SensitivityJobRequest, 'model' | 'page'> & { readonly modelId: ModelId },
    options?: JobOptions,
  ): Promise<Sensitivity> {
    return this.#worker.run('sensitivity', { ...rest, model: this.#fileOf(modelId), page: pageFacts() }, options)
  }

  /** One tensor before and after rounding. Throws as `sensitivity`. */
  async tensorDetail(
    { modelId, ...rest }: Omit<TensorDetailRequest, 'model' | 'page'> & { readonly modelId: ModelId },
    options?: JobOptions,
  ): Promise<TensorDetail> {
    return this.#worker.run('tensorDetail', { ...rest, model: this.#fileOf(modelId), page: pageFacts() }, options)
  }

  /** Where the model's arithmetic and bytes are. Throws `job/cancelled`, `worker/died`. */
  async workload(modelId: ModelId, freeDimensions: FreeDimensions, options?: JobOptions): Promise<Workload> {
    return this.#worker.run('workload', { model: this.#fileOf(modelId), freeDimensions }, options)
  }

  /** Forgets a model or result here and in the worker. */
  async release(id: ModelId): Promise<void> {
    this.#files.delete(id)
    if (this.#worker.isAlive) await this.#worker.run('release', id)
  }

  #fileOf(id: ModelId): ModelFile {
    const file = this.#files.get(id)
    if (file) return file
    throw new LabError('internal', `The model "${id}" is not loaded.`)
  }

  /** Ends the worker; pending jobs reject with `worker/died`. The next call starts a fresh one. */
  end(): void {
    this.#worker.end()
  }
}

const spawn = (): Worker =>
  new Worker(new URL('../../../workers/compress.worker.ts', import.meta.url), { type: 'module', name: 'compress' })
