// The engine seam: what every runtime behind Lathe looks like. No runtime is imported here; `workers/host/*-door.ts` implement it,
// for the page's workers and for Node alike.

import type { KnownDType } from '../core/model/dtype'
import type { InferenceSession } from '../core/pass/pass-context'
import type { NamedValues } from '../core/pass/tensor-value'
import type { Shape } from '../core/model/shape'

export const ENGINE_IDS = ['ort-wasm', 'ort-webgpu'] as const
export type EngineId = (typeof ENGINE_IDS)[number]

/**
 * Where inputs and outputs are while a run is timed. `cpu` is end to end: inputs on the CPU → outputs readable on the CPU.
 * `gpu`, for engines on a GPU: inputs already there, outputs stay there, the run ends when the queue is done.
 */
export type Residency = 'cpu' | 'gpu'

export interface OpenOptions {
  /** Default `cpu`. `gpu` throws `engine/unavailable` on an engine without one. Answers of `run` are the same either way. */
  readonly residency?: Residency
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

/** An opened model that answers. */
export interface AnsweringSession extends InferenceSession {
  readonly inputs: readonly EngineTensorInfo[]
  readonly outputs: readonly EngineTensorInfo[]
  /** Time that creating the session took, ms. */
  readonly sessionMs: number
}

/** One that can also be timed. */
export interface EngineSession extends AnsweringSession {
  /**
   * Prepares feeds for repeated runs. Throws `data/invalid` as `run`, and `model/unsupported` for an input or output whose type cannot be
   * on the GPU when the session was opened with residency `gpu`.
   */
  bind(feeds: NamedValues): Promise<BoundRun>
}

/** One inference, to be repeated and timed. */
export interface BoundRun {
  /**
   * Once; everything in it belongs to the timed region. `cpu`: wrapping the inputs, uploading where there is a GPU, the inference, outputs
   * readable on the CPU. `gpu`: the inference, giving the outputs' buffers back, waiting until the queue is done; nothing is copied.
   * Throws as `EngineSession.run`.
   */
  run(): Promise<void>
  /** Runs once and reads the outputs on the CPU: to check what `run` computes, never timed. */
  answer(): Promise<NamedValues>
  /** Gives the inputs' memory back. Closing the session does it too; twice is fine. */
  dispose(): void
}

/** What was found out about the engine where it runs, by probing. Part of every environment record. */
export interface EngineFacts {
  readonly id: EngineId
  /** Package and version, such as `onnxruntime-web 1.30.0`. */
  readonly runtime: string
  readonly build: 'wasm' | 'jspi' | 'asyncify'
  readonly threads: number
  /** GPU adapter, absent for WASM. */
  readonly adapter?: AdapterFacts
  /** Start-up self-tests (quantization.md C39, C40). */
  readonly selfTests: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
}

/** Coarse on purpose: vendor and architecture, no model of card or driver. */
export interface AdapterFacts {
  readonly vendor: string
  readonly architecture: string
  /** A software adapter is marked, and never ranked or timed as a GPU. */
  readonly isSoftware: boolean
  readonly hasFloat16: boolean
  readonly hasSubgroups: boolean
  readonly hasTimestamps: boolean
  /** Bytes. */
  readonly limits: {
    readonly maxBufferSize: number
    readonly maxStorageBufferBindingSize: number
    readonly maxComputeWorkgroupStorageSize: number
  }
}

export interface Engine {
  readonly facts: EngineFacts
  /** Loading, compiling and starting the runtime, up to the first (tiny) open model, ms. Happened once, when the engine was made. */
  readonly startMs: number
  /** Throws `engine/failed` with the runtime's message, `device/out-of-memory`, or `model/unsupported`. */
  open(model: Uint8Array, options: OpenOptions): Promise<EngineSession>
  /**
   * After `device/lost`: closes every session and says whether new ones can be opened in this engine. False means that only a fresh
   * worker helps. Any other error: false, and nothing is closed.
   */
  recover(error: unknown): Promise<boolean>
  close(): Promise<void>
}
