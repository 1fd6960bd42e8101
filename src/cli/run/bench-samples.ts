// The raw samples of a bench as a file: the whole result of every race, with trace, sentinel, events and environment, so that anyone can
// judge again what was judged here.

import { resolveTarget, writeText } from '../atomic-file'

const VERSION = 1

export interface SampleFile {
  write(samples: object): Promise<void>
}

/** Throws `cli/usage` when the place cannot hold a file: before anything is measured. */
export async function openSampleFile(path: string): Promise<SampleFile> {
  const target = await resolveTarget(path)
  return {
    write: (samples) => writeText(target, JSON.stringify({ version: VERSION, ...samples })),
  }
}
