// The page's side of compression: opens models and runs recipes in the compress worker. It keeps file handles, never weights,
// so a worker that died or ended is replaced without anybody noticing more than the time to read the file again.

import type { Compression, DatasetRef, LoadedModel, ModelId } from '../../../workers/host/protocol'
import type { Recipe } from '../../core/recipe/recipe'
import type { JobOptions } from './supervised-worker'

export declare class CompressClient {
  constructor()
  /**
   * Opens a model: the `.onnx` among `files` and, beside it, its external data. Throws `model/*` for what the file is,
   * `job/cancelled`, `worker/died`.
   */
  load(files: readonly File[] | Blob, options?: JobOptions): Promise<LoadedModel>
  /** Runs `recipe` on a loaded model or an earlier result. Throws what `runRecipe` throws. */
  compress(
    request: { readonly modelId: ModelId; readonly recipe: Recipe; readonly calibration?: DatasetRef },
    options?: JobOptions,
  ): Promise<Compression>
  /** Forgets a model or result here and in the worker. */
  release(id: ModelId): void
  /** Ends the worker; pending jobs reject with `worker/died`. The next call starts a fresh one. */
  end(): void
}
