// The contract of a technique: `spec` (data) in catalog.ts, `apply` (code) in passes.ts.

import type { Model } from '../model/model'
import type { OptionsOf, OptionSpecs, TechniqueSpec } from '../options/spec'
import type { PassContext, TensorRanges } from './pass-context'

/** Something the person should know about what the pass did or did not do. A skipped tensor is a note, not an error. */
export interface Note {
  readonly kind: 'changed' | 'skipped' | 'warning'
  /** Tensor or node the note is about; absent for the whole model. */
  readonly subject?: string
  /** A sentence: what and why. */
  readonly text: string
}

export interface PassResult {
  readonly model: Model
  readonly notes: readonly Note[]
  /** Ranges this pass measured, to be stored in the recipe; `indices` are the samples used. */
  readonly calibration?: { readonly source: string; readonly indices: readonly number[]; readonly ranges: TensorRanges }
  /**
   * Configuration of ONNX Runtime that the file should be opened with, such as `session.disable_quant_qdq`: it belongs to the file and is
   * exported with it. Later steps win.
   */
  readonly sessionOptions?: SessionOptions
}

/** Keys of ONNX Runtime's session configuration with their values. */
export type SessionOptions = Readonly<Record<string, string>>

/** Returns a new model and never mutates its input. Throws `pass/not-applicable` only where going on makes no sense. */
export type Apply<S extends TechniqueSpec> = (
  model: Model,
  options: OptionsOf<S['options'] extends OptionSpecs ? S['options'] : never>,
  context: PassContext,
) => Promise<PassResult>
