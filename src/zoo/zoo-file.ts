// One bundled file of the zoo, and how it is read. Pure code fetches nothing: the host passes `ReadZooFile`.

import { LabError } from '../core/errors/lab-error'
import { FILES } from './files.gen'

export type ZooPath = keyof typeof FILES

export interface ZooFile {
  /** Path under `public/zoo`, with forward slashes. */
  readonly path: ZooPath
  readonly sizeBytes: number
  /** Hex. */
  readonly sha256: string
}

/** Gives the whole file at `path` under `public/zoo`: a fetch of the own origin in the page, a file read in the terminal. */
export type ReadZooFile = (path: ZooPath) => Promise<Uint8Array>

export const zooFile = (path: ZooPath): ZooFile => ({ path, ...FILES[path] })

/** Throws `data/invalid` when what was read has another size than the bundled file, as an error page or a cut download has. */
export async function readZooFile(file: ZooFile, read: ReadZooFile): Promise<Uint8Array> {
  const bytes = await read(file.path)
  if (bytes.length === file.sizeBytes) return bytes
  const message = `The zoo's file "${file.path}" has ${bytes.length} bytes, expected ${file.sizeBytes}.`
  throw new LabError('data/invalid', message, { path: file.path, got: bytes.length, expected: file.sizeBytes })
}
