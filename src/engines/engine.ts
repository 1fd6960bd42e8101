// The engine seam: what every runtime behind Lathe looks like. No runtime is imported here; `workers/host/*-door.ts` implement it,
// for the page's workers and for Node alike.

import type { KnownDType } from '../core/model/dtype'
import type { InferenceSession } from '../core/pass/pass-context'
import type { Shape } from '../core/model/shape'

export const ENGINE_IDS = ['ort-wasm', 'ort-webgpu'] as const
export type EngineId = (typeof ENGINE_IDS)[number]

export interface OpenOptions {
  /** `disabled` is the reference: every operator as written. */
  readonly optimization: 'all' | 'disabled'
  /** Sizes for symbolic dimensions, by dimension name. */
  readonly freeDimensions?: Readonly<Record<string, number>>
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[]
  /** `session.*` configuration entries that belong to the file. */
  readonly config?: Readonly<Record<string, string>>
}

export interface EngineTensorInfo {
  readonly name: string
  readonly dtype: KnownDType
  readonly shape: Shape
}

export interface EngineSession extends InferenceSession {
  readonly inputs: readonly EngineTensorInfo[]
  readonly outputs: readonly EngineTensorInfo[]
  /** Time that creating the session took, ms. */
  readonly sessionMs: number
}

/** What was found out about the engine where it runs, by probing. Part of every environment record. */
export interface EngineFacts {
  readonly id: EngineId
  /** Package and version, such as `onnxruntime-web 1.30.0`. */
  readonly runtime: string
  readonly build: 'wasm' | 'jspi' | 'asyncify'
  readonly threads: number
  /** GPU adapter, absent for WASM. */
  readonly adapter?: {
    readonly vendor: string
    readonly architecture: string
    /** A software adapter is marked, and never ranked or timed as a GPU. */
    readonly isSoftware: boolean
    readonly hasFloat16: boolean
  }
  /** Start-up self-tests (quantization.md C39, C40). */
  readonly selfTests: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
}

export interface Engine {
  readonly facts: EngineFacts
  /** Throws `engine/failed` with the runtime's message, `device/out-of-memory`, or `model/unsupported`. */
  open(model: Uint8Array, options: OpenOptions): Promise<EngineSession>
  close(): Promise<void>
}
