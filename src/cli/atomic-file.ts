// Output files appear whole or not at all: bytes go to a file beside the target, which takes its place at the end. The file beside
// is removed when something fails and when the process is told to stop. When they reach the disk is up to the system, as with other tools.

import { unlinkSync } from 'node:fs'
import { open, realpath, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { LabError } from '../core/errors/lab-error'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Keeps `partial` from being left behind when a signal ends the process; elsewhere signals act at once, as usual. */
function guard(partial: string): () => void {
  const stops = Object.entries(SIGNALS).map(([signal, status]) => {
    const stop = (): void => {
      unlinkSync(partial)
      process.exit(status)
    }
    process.on(signal, stop)
    return () => process.off(signal, stop)
  })
  return () => stops.forEach((release) => release())
}

/** Follows links, so that a linked target stays a link. Throws `cli/usage` when the place cannot hold a file. */
export async function resolveTarget(path: string): Promise<string> {
  const folder = await stat(dirname(resolve(path))).catch(absent)
  if (!folder?.isDirectory()) {
    throw new LabError('cli/usage', `The folder of "${path}" does not exist; expected an existing folder.`, {
      argument: path,
    })
  }
  const target = await stat(path).catch(absent)
  if (!target) return resolve(path)
  if (target.isFile()) return realpath(path)
  const kind = target.isDirectory() ? 'a folder' : 'a device'
  throw new LabError('cli/usage', `"${path}" is ${kind}; expected the name of a file.`, { argument: path })
}

/** A text as a whole file; `target` comes from `resolveTarget`. */
export const writeText = (target: string, text: string): Promise<void> =>
  writeAtomically(target, [new TextEncoder().encode(text)])

/** Writes the parts one after the other, without joining them. `target` comes from `resolveTarget`. */
export async function writeAtomically(target: string, parts: Iterable<Uint8Array>): Promise<void> {
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}.part`)
  const file = await open(partial, 'wx')
  const release = guard(partial)
  try {
    try {
      for (const part of parts) await writeWhole(file, part)
    } finally {
      await file.close()
    }
    await rename(partial, target)
  } catch (error) {
    await unlink(partial)
    throw error
  } finally {
    release()
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, offset)
    offset += bytesWritten
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
    return undefined
  throw error
}
