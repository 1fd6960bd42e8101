// Owns one engine in its worker and the sessions that are open on it. Sessions are a cache: every request carries the file handles,
// so nothing is lost when the worker ends. At any time only the models of the latest request are held.

import { readSessionOptions } from '../../src/core/onnx/session-options'
import { LabError } from '../../src/core/errors/lab-error'
import type { Engine, EngineSession, OpenOptions } from '../../src/engines/engine'
import type { Dataset } from '../../src/data/dataset'
import type { DatasetRef, EngineConfig, FreeDimensions, ModelFile } from './protocol'
import { readModelFile } from './read-model-file'

export interface OpenedModel {
  readonly session: EngineSession
  /** Reading the file, ms. */
  readonly loadMs: number
}

export interface SessionRequest {
  readonly model: ModelFile
  readonly optimization: OpenOptions['optimization']
  readonly freeDimensions?: FreeDimensions | undefined
  /** Where values are while a run is timed. */
  readonly residency?: OpenOptions['residency'] | undefined
}

/** Starts the engine where the host is: a browser's worker or Node. */
export type StartEngine = (config: EngineConfig) => Promise<Engine>

export class EngineHost {
  readonly #start: StartEngine
  #config: EngineConfig | undefined
  #engine: Promise<Engine> | undefined
  readonly #opened = new Map<string, OpenedModel>()
  #dataset: { readonly key: string; readonly dataset: Dataset } | undefined

  constructor(start: StartEngine) {
    this.#start = start
  }

  /** Starts the engine on the first call. A worker serves one configuration; another one is our bug (`internal`). */
  engine(config: EngineConfig): Promise<Engine> {
    const { engine, threads } = (this.#config ??= config)
    if (engine !== config.engine || threads !== config.threads) {
      throw new LabError('internal', `This worker runs ${engine}, not ${config.engine}.`)
    }
    return (this.#engine ??= this.#start(config))
  }

  /** The requested sessions, in order; those of earlier requests that are not among them are closed first. */
  async open(config: EngineConfig, requests: readonly SessionRequest[]): Promise<OpenedModel[]> {
    const engine = await this.engine(config)
    const keys = requests.map(sessionKey)
    await this.#close((key) => !keys.includes(key))
    const result: OpenedModel[] = []
    for (const [index, request] of requests.entries()) {
      const key = keys[index] ?? sessionKey(request)
      const opened = this.#opened.get(key) ?? (await openModel(engine, request))
      this.#opened.set(key, opened)
      result.push(opened)
    }
    return result
  }

  /** The data set of the latest request is kept, so that stages of one evaluation read it once. */
  async dataset(ref: DatasetRef, open: () => Promise<Dataset>): Promise<Dataset> {
    const key =
      ref.kind === 'zoo'
        ? ref.id
        : JSON.stringify([ref.name, ref.file.size, ref.file instanceof File && ref.file.lastModified])
    if (this.#dataset?.key !== key) this.#dataset = { key, dataset: await open() }
    return this.#dataset.dataset
  }

  /** Closes every session, for work that opens its own. */
  closeAll(): Promise<void> {
    return this.#close(() => true)
  }

  async #close(matches: (key: string) => boolean): Promise<void> {
    for (const [key, { session }] of [...this.#opened]) {
      if (!matches(key)) continue
      this.#opened.delete(key)
      await session.close()
    }
  }
}

/** A session outside the cache; the caller closes it. */
export async function openModel(engine: Engine, request: SessionRequest): Promise<OpenedModel> {
  const { optimization, freeDimensions, residency } = request
  const start = performance.now()
  const { bytes, externalData } = await readModelFile(request.model)
  const loadMs = performance.now() - start
  const session = await engine.open(bytes, {
    optimization,
    externalData,
    config: readSessionOptions(bytes),
    ...(freeDimensions && { freeDimensions }),
    ...(residency && { residency }),
  })
  return { session, loadMs }
}

const sessionKey = ({ model, optimization, freeDimensions, residency }: SessionRequest): string =>
  JSON.stringify([model.id, optimization, residency ?? 'cpu', Object.entries(freeDimensions ?? {}).sort()])
