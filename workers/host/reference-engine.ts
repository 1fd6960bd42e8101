// The reference engine seen from another worker: plain WASM, one thread, in a nested worker of its own. Passes calibrate with it and the
// engine check compares against it. It starts at the first `open` and ends with its owner, a cancel or `end()`, so its memory is
// held only while it is needed.

import { releaseProxy, transfer, wrap, type Remote } from 'comlink'

import { cancelled, fromWireError, LabError } from '../../src/core/errors/lab-error'
import type { InferencePort } from '../../src/core/pass/pass-context'
import type { AnsweringSession, OpenOptions } from '../../src/engines/engine'
import { joinParts } from '../../src/core/numeric/join-parts'
import type { InferenceApi, JobReply } from './protocol'

/** `signal` ends the engine, even in the middle of an inference; what is pending then rejects with `job/cancelled`. */
export class ReferenceEngine implements InferencePort {
  readonly #signal: AbortSignal
  #worker: Worker | undefined
  #remote: Remote<InferenceApi> | undefined
  #failed: Promise<never> | undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.end(), { once: true })
  }

  open(parts: readonly Uint8Array[]): Promise<AnsweringSession> {
    return this.openModel(joinParts(parts), {})
  }

  /** `model` is moved to the engine's worker: its bytes are gone here afterwards. */
  async openModel(
    model: Uint8Array<ArrayBuffer>,
    options: Omit<OpenOptions, 'optimization'>,
  ): Promise<AnsweringSession> {
    if (this.#signal.aborted) throw cancelled()
    const remote = this.#start()
    const { id, ...opened } = await this.#ask(remote.openSession(transfer(model, [model.buffer]), options))
    return {
      ...opened,
      run: (feeds, wanted) => this.#ask(remote.runSession(id, feeds, wanted)),
      close: () => this.#ask(remote.closeSession(id)),
    }
  }

  end(): void {
    this.#remote?.[releaseProxy]()
    this.#worker?.terminate()
    this.#worker = this.#remote = this.#failed = undefined
  }

  #start(): Remote<InferenceApi> {
    if (this.#remote) return this.#remote
    const worker = new Worker(new URL('../engine.worker.ts', import.meta.url), { type: 'module' })
    this.#worker = worker
    this.#failed = new Promise((_, reject) => {
      worker.addEventListener('error', ({ message }) =>
        reject(new LabError('worker/died', `The reference engine's worker ended: ${message || 'it did not load'}.`)),
      )
      this.#signal.addEventListener('abort', () => reject(cancelled()))
    })
    this.#failed.catch(() => undefined)
    return (this.#remote = wrap<InferenceApi>(worker))
  }

  async #ask<T>(answer: Promise<JobReply<T>>): Promise<T> {
    const result = await Promise.race([answer, this.#failed ?? Promise.reject(ended())])
    if (result.ok) return result.value
    throw fromWireError(result.error)
  }
}

const ended = (): LabError => new LabError('internal', 'The reference engine was used after its end.')
