// What crosses between the command line and the page that it drives: plain data, with places of files instead of files.

import type { WireError } from '../../core/errors/lab-error'
import type { EngineRaceOrder } from '../../app/bench/race-engines'
import type { EngineClient } from '../../app/jobs/engine-client'
import type { EngineId } from '../../engines/engine'
import type { EngineRace } from '../../measure/engine-race'

/** The name under which the page offers `BrowserHost`, and the one under which it finds the command line's progress. */
export const HOST_GLOBAL = 'latheHost'
export const PROGRESS_GLOBAL = 'latheProgress'

type ClientMethod = 'compareLatency' | 'engineCheck' | 'bisect' | 'fidelity' | 'accuracy' | 'probe'
/** Methods of the engine client, and `raceEngines`, which has workers of its own. */
export type BrowserMethod = 'start' | 'raceEngines' | ClientMethod
type RequestOf<M extends BrowserMethod> = M extends ClientMethod
  ? Parameters<EngineClient[M]>[0]
  : M extends 'raceEngines'
    ? EngineRaceOrder
    : null
export type AnswerOf<M extends BrowserMethod> = M extends 'raceEngines'
  ? EngineRace
  : M extends 'start' | ClientMethod
    ? Awaited<ReturnType<EngineClient[M]>>
    : never

/** Place of a file in the page's file input. */
export interface FilePlace {
  readonly fileAt: number
}
/** A request of `EngineClient` with a place wherever it has a file. */
export type WithPlaces<T> = T extends Blob
  ? FilePlace
  : T extends object
    ? { readonly [K in keyof T]: WithPlaces<T[K]> }
    : T

export interface BrowserCall<M extends BrowserMethod = BrowserMethod> {
  readonly engine: EngineId
  readonly threads: number
  readonly method: M
  readonly request: WithPlaces<RequestOf<M>>
}

export type BrowserReply =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError }

/** The page's side; `call` never rejects. */
export interface BrowserHost {
  call(call: BrowserCall): Promise<BrowserReply>
}
