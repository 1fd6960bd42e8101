// The names of engines on the command line: `ort-wasm`, `ort-wasm:THREADS`, `ort-webgpu`.

import { ENGINE_IDS, type EngineId } from '../engines/engine'
import type { EngineChoice } from '../measure/engine-race'
import { usageError } from './parse-arguments'

export type Place = 'node' | 'browser'

const THREADED: EngineId = 'ort-wasm'
const MAX_THREADS = 64
export const DEFAULT_ENGINE = `${THREADED}:1`

/** Threads are 1 when none are named, everywhere, so that figures of different machines mean the same. */
export function parseEngine(name: string): EngineChoice {
  const [id = '', count, ...rest] = name.split(':')
  const engine = ENGINE_IDS.find((known) => known === id)
  const threads = count === undefined ? 1 : Number(count)
  const isCount =
    count === undefined || (engine === THREADED && /^\d+$/.test(count) && threads >= 1 && threads <= MAX_THREADS)
  if (engine !== undefined && isCount && rest.length === 0) return { name, engine, threads }
  const known = ENGINE_IDS.join(', ')
  throw usageError(
    `--engine is "${name}"; expected one of: ${known}, or ${THREADED}:N with 1 to ${MAX_THREADS} threads.`,
    '--engine',
  )
}

/** Node runs WASM only; the others need a browser. */
export function choosePlace({ name, engine }: EngineChoice, wanted: Place | undefined): Place {
  if (engine === THREADED) return wanted ?? 'node'
  if (wanted === 'node')
    throw usageError(`--where is "node", where ${name} does not run; expected "browser".`, '--where')
  return 'browser'
}

/** `image=64` → `{ image: 64 }` */
export function parseDimensions(entries: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.lastIndexOf('=')
      const size = Number(entry.slice(at + 1))
      if (at > 0 && Number.isInteger(size) && size >= 0 && at < entry.length - 1) return [entry.slice(0, at), size]
      throw usageError(
        `--dimension is "${entry}"; expected NAME=SIZE with a whole number, such as batch=1.`,
        '--dimension',
      )
    }),
  )
}
