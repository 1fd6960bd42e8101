// The reference engine inside its own worker: sessions by number for `reference-engine.ts` on the other side.

import { LabError } from '../../src/core/errors/lab-error'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { Engine, EngineSession, OpenOptions } from '../../src/engines/engine'
import { reply } from './job'
import type { InferenceApi } from './protocol'

export class InferenceServer implements InferenceApi {
  readonly #start: () => Promise<Engine>
  #engine: Promise<Engine> | undefined
  readonly #sessions = new Map<number, EngineSession>()
  #lastId = 0

  constructor(start: () => Promise<Engine>) {
    this.#start = start
  }

  openSession(...[model, options]: Parameters<InferenceApi['openSession']>): ReturnType<InferenceApi['openSession']> {
    return reply(this.#open(model, { ...options, optimization: 'disabled' }))
  }

  runSession(id: number, feeds: NamedValues, wanted?: readonly string[]): ReturnType<InferenceApi['runSession']> {
    return reply(this.#session(id).then((session) => session.run(feeds, wanted)))
  }

  closeSession(id: number): ReturnType<InferenceApi['closeSession']> {
    return reply(
      this.#session(id).then((session) => {
        this.#sessions.delete(id)
        return session.close()
      }),
    )
  }

  async #open(model: Uint8Array, options: OpenOptions) {
    this.#engine ??= this.#start()
    const session = await (await this.#engine).open(model, options)
    const id = ++this.#lastId
    this.#sessions.set(id, session)
    const { inputNames, outputNames, inputs, outputs, sessionMs } = session
    return { id, inputNames, outputNames, inputs, outputs, sessionMs }
  }

  async #session(id: number): Promise<EngineSession> {
    const session = this.#sessions.get(id)
    if (session) return Promise.resolve(session)
    throw new LabError('internal', `There is no session ${id}.`)
  }
}
