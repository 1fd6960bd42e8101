// The conditions under which something was measured: plain, coarse JSON that is stored with every result.
// It is found out by probing where the engine runs (`workers/host/probe-environment.ts`); nothing is decided by `browser`.

import type { EngineFacts } from './engine'

export interface EnvironmentRecord {
  readonly engine: EngineFacts
  readonly where: 'browser' | 'node'
  /** Without isolation there are one thread and a coarse timer. */
  readonly crossOriginIsolated: boolean
  /** Smallest step of the clock seen, ms. */
  readonly timerStepMs: number
  readonly hardwareConcurrency: number
  /** Whether the page was in view when the record was made; true in Node. */
  readonly pageVisible: boolean
  /** Name and major version, such as `Chromium 156` or `Node 20`: for display only. */
  readonly browser: string
  readonly appVersion: string
}
