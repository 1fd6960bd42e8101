// The raw samples of a bench as a file: the whole result of every race, with trace, sentinel, events and environment, so that anyone can
// judge again what was judged here.

import { resolveTarget, writeAtomically } from '../atomic-file'
import type { EngineBench } from './bench-here'

const VERSION = 1

export interface SampleFile {
  write(benches: readonly EngineBench[], settings: object): Promise<void>
}

/** Throws `cli/usage` when the place cannot hold a file: before anything is measured. */
export async function openSampleFile(path: string): Promise<SampleFile> {
  const target = await resolveTarget(path)
  return {
    async write(benches, settings) {
      const engines = benches.map(({ engine, files, variants, environment, raw }) => ({
        ...{ engine, environment, files, checks: variants },
        ...raw,
      }))
      const text = JSON.stringify({ version: VERSION, settings, engines })
      await writeAtomically(target, [new TextEncoder().encode(text)])
    },
  }
}
