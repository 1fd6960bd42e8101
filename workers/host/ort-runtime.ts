// A loaded build of ONNX Runtime, as its loaders (`ort-runtime-browser.ts`, `ort-runtime-node.ts`) hand it to the door.

import type * as OrtModule from 'onnxruntime-web/wasm'

import type { EngineFacts } from '../../src/engines/engine'

/** A loaded build of the runtime and what its loader found out. */
export interface OrtRuntime {
  readonly ort: typeof OrtModule
  readonly build: EngineFacts['build']
  readonly adapter?: EngineFacts['adapter']
  /** When loading began, on the clock of `performance.now()`. */
  readonly startedAt: number
  /** The device of the moment: the runtime makes a new one for the first session after the last one was closed. Absent without a GPU. */
  gpuDevice?(): Promise<GPUDevice | undefined>
  /** Waits until the browser gives devices again; false when it does not in time. */
  awaitGpu?(): Promise<boolean>
}
