// The conditions under which something was measured: plain, coarse JSON that is stored with every result.
// It is found out by probing where the engine runs (`workers/host/probe-environment.ts`) and in the page
// (`src/app/platform/page-environment.ts`); nothing is decided by `browser`, and nothing here tells one person from another.

import type { EngineFacts } from './engine'

export interface EnvironmentRecord {
  readonly engine: EngineFacts
  readonly where: 'browser' | 'node'
  /** Without isolation there are one thread and a coarse timer. */
  readonly crossOriginIsolated: boolean
  /** Smallest step of the clock seen, ms. */
  readonly timerStepMs: number
  readonly hardwareConcurrency: number
  /** Gigabytes, rounded to a power of two; browsers also cap it (at 8 or 32). Null where it is not told. */
  readonly deviceMemoryGB: number | null
  /** Frames a second before the run, as one of the usual rates; null when the page was hidden, frames were irregular, or in Node. */
  readonly screenHz: number | null
  /** What may change while something runs; `end` is null unless it was a timing. */
  readonly conditions: { readonly start: Conditions; readonly end: Conditions | null }
  /** Name and major version, such as `Chromium 156` or `Node 20`: for display only. */
  readonly browser: string
  readonly appVersion: string
}

/** One reading. Null means unknown: the browser does not tell. */
export interface Conditions {
  /** True in Node. */
  readonly pageVisible: boolean
  readonly power: Power | null
  /**
   * A guess: on battery, frames come at 30 Hz or less, as some browsers have it while saving power. Others save power without it.
   * The frame rate is read before a run only, so the reading after a run is null.
   */
  readonly isSavingPower: boolean | null
  /** Compute Pressure of the processor: how near it is to its limit. */
  readonly pressure: Pressure | null
}

export interface Power {
  readonly isCharging: boolean
  /** 0…1, rounded to 0.1, so that it follows nobody around. */
  readonly level: number
}

export const PRESSURES = ['nominal', 'fair', 'serious', 'critical'] as const
export type Pressure = (typeof PRESSURES)[number]

/** The part of the record that only a page can see. */
export interface PageEnvironment {
  readonly screenHz: EnvironmentRecord['screenHz']
  readonly conditions: Conditions
}
