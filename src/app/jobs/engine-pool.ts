// One client per engine and thread count, made when first asked for: a worker holds one WebAssembly module for its whole life.

import type { EngineId } from '../../engines/engine'
import { EngineClient } from './engine-client'

export class EnginePool {
  readonly #clients = new Map<string, EngineClient>()

  client(engine: EngineId, threads: number): EngineClient {
    const key = `${engine}:${threads}`
    const client = this.#clients.get(key) ?? new EngineClient(engine, threads)
    this.#clients.set(key, client)
    return client
  }
}
