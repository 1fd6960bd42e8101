// What a run over all formats found out, as it is kept in tests/studies/results/engine-formats.json, one engine after the other.

import type { EngineFacts } from '../../src/engines/engine'
import type { FormatResult, FormatStatus } from '../fixtures/try-format'

export type FormatEngine = 'wasm-node' | 'wasm-browser' | 'webgpu-browser'

export interface FormatRun {
  /** Year, month, day. */
  readonly date: string
  /** `Node 20.19.2`, `Chromium 150.0.1` */
  readonly where: string
  readonly engine: Pick<EngineFacts, 'runtime' | 'build' | 'threads' | 'adapter'>
  readonly results: readonly FormatResult[]
}

export type EngineFormats = Readonly<Partial<Record<FormatEngine, FormatRun>>>

export const formatRun = (facts: EngineFacts, results: readonly FormatResult[]): Omit<FormatRun, 'where'> => {
  const { runtime, build, threads, adapter } = facts
  const engine = { runtime, build, threads, ...(adapter && { adapter }) }
  return { date: new Date().toISOString().slice(0, 10), engine, results }
}

export const statuses = (run: Pick<FormatRun, 'results'> | undefined): Readonly<Record<string, FormatStatus>> =>
  Object.fromEntries(run?.results.map(({ format, status }) => [format, status]) ?? [])
