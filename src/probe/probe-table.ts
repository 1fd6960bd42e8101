// What the operator probe of one engine on one device found: which formats it runs, converts, refuses or gets wrong, and how long they take
// relative to float32. Plain data: it is shown, exported and fed to the advisor. Figures are hints that choose candidates, never verdicts.

import type { EnvironmentRecord } from '../engines/environment-record'

export const PROBE_TABLE_VERSION = 1

/** `matvec` is a MatMul with one row (M = 1), `matmul` one with 128. */
export const PROBE_OPERATORS = ['conv3x3', 'conv1x1', 'depthwise', 'matvec', 'matmul'] as const
export type ProbeOperator = (typeof PROBE_OPERATORS)[number]

/**
 * `u8s8`: uint8 activations and int8 weights in QDQ form, `s8s8` int8 both, `int4`: MatMulNBits in blocks of 32 with float activations.
 */
export const PROBE_FORMATS = ['float32', 'u8s8', 's8s8', 'float16', 'int4'] as const
export type ProbeFormat = (typeof PROBE_FORMATS)[number]

export interface ProbeInterval {
  readonly value: number
  /** Ends of the 95 % interval. */
  readonly low: number
  readonly high: number
}

export type ProbeOutcome =
  | {
      readonly kind: 'timed'
      /** Of one inference, ms. */
      readonly medianMs: number
      /** Inferences timed. */
      readonly n: number
      /** Time ÷ that of float32 in the same rounds; absent for float32 itself. */
      readonly ratio?: ProbeInterval
    }
  /** The answer differs from the reference engine's: its speed means nothing. */
  | { readonly kind: 'wrong'; readonly detail: string }
  /** The engine does not open or run it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Right, but not timed, as on a software GPU. */
  | { readonly kind: 'not-timed'; readonly reason: string }

export interface ProbeRow {
  readonly operator: ProbeOperator
  readonly format: ProbeFormat
  readonly outcome: ProbeOutcome
}

export interface ProbeTable {
  readonly version: typeof PROBE_TABLE_VERSION
  /** Engine, build, browser and device. */
  readonly environment: EnvironmentRecord
  /** Wall time of the probe, s. */
  readonly seconds: number
  readonly rows: readonly ProbeRow[]
}
