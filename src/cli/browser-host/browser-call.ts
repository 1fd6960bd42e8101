// What crosses between the command line and the page that it drives: plain data, with places of files instead of files.

import type { WireError } from '../../core/errors/lab-error'
import type { EngineClient } from '../../app/jobs/engine-client'
import type { EngineId } from '../../engines/engine'

/** The name under which the page offers `BrowserHost`, and the one under which it finds the command line's progress. */
export const HOST_GLOBAL = 'latheHost'
export const PROGRESS_GLOBAL = 'latheProgress'

export type BrowserMethod = 'start' | 'compareLatency' | 'engineCheck' | 'bisect' | 'fidelity' | 'accuracy'
type RequestOf<M extends BrowserMethod> = M extends 'start' ? null : Parameters<EngineClient[M]>[0]
export type AnswerOf<M extends BrowserMethod> = Awaited<ReturnType<EngineClient[M]>>

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
