// What a technique gets from its host besides the model: cancel, progress, chance and, where it asks for them, inference and data.
// The host is a worker, the command line or a test; the technique cannot tell which.

import type { Rng } from '../numeric/rng'
import type { TaskPort } from '../tasks/task'
import type { NamedValues } from './tensor-value'

export interface InferenceSession {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Runs once and returns the outputs in `wanted` (all of them by default). */
  run(feeds: NamedValues, wanted?: readonly string[]): Promise<NamedValues>
  close(): Promise<void>
}

/** Opens models for inference during a pass: always the plain WASM build, one thread, graph optimizations disabled. */
export interface InferencePort {
  /** `parts` are the chunks of an ONNX file, as `encodeParts` gives them. */
  open(parts: readonly Uint8Array[]): Promise<InferenceSession>
}

/** Real data for calibration. `source` and `indices` are what the recipe records. */
export interface CalibrationData {
  readonly source: string
  /** Number of samples at hand. */
  readonly size: number
  /** The sample as feeds of the model, first axis 1. */
  sample(index: number): Promise<NamedValues>
}

/** Range of values that a float tensor took over the calibration samples: `[min, max]`, float32 values. */
export type TensorRanges = Readonly<Record<string, readonly [number, number]>>

export interface PassContext {
  /** Gives the message loop a turn; throws `job/cancelled` after a cancel. Call it once per tensor or node, not per element. */
  checkpoint(): Promise<void>
  /** `fraction` 0…1 of this step. */
  progress(fraction: number, what: string): void
  readonly rng: Rng
  readonly infer: InferencePort
  /** Workers for heavy loops; absent where there are none. What a pass gives must not depend on it. */
  readonly tasks?: TaskPort
  /** Absent when the host has no real data. */
  readonly calibration?: CalibrationData
  /** Ranges already stored in the recipe; used instead of calibrating again. */
  readonly ranges?: TensorRanges
}
