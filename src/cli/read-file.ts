// Reads files of any size into one array that is allocated once: `readFile` stops at 2 GiB and may hold a second copy.

import { open } from 'node:fs/promises'
import { LabError } from '../core/errors/lab-error'

/** What one read call takes at most. */
const READ_BYTES = 1 << 30

/** `what` names the file's role in messages, such as `model`. Throws `cli/usage` when it cannot be read, `model/too-large`. */
export const readWhole = (path: string, what: string): Promise<Uint8Array<ArrayBuffer>> =>
  readTo((size) => new ArrayBuffer(size), path, what)

/** The same into memory of another kind; `makeMemory` throws `RangeError` where there is none left. */
export async function readTo<M extends ArrayBufferLike>(
  makeMemory: (size: number) => M,
  path: string,
  what: string,
): Promise<Uint8Array<M>> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, what, cause)
  })
  try {
    const facts = await file.stat()
    if (!facts.isFile())
      throw new LabError('cli/usage', `"${path}" is no file; expected a ${what}.`, { argument: path })
    const bytes = new Uint8Array(allocate(facts.size, path, makeMemory))
    for (let offset = 0; offset < bytes.byteLength;) {
      const { bytesRead } = await file.read(bytes, offset, Math.min(READ_BYTES, bytes.byteLength - offset), offset)
      if (bytesRead === 0) throw unreadable(path, what, new Error('it became shorter while it was read'))
      offset += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

function allocate<M>(size: number, path: string, makeMemory: (size: number) => M): M {
  try {
    return makeMemory(size)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new LabError(
      'model/too-large',
      `"${path}" has ${size} bytes, more than this machine can hold.`,
      {},
      { cause },
    )
  }
}

/** The system's reason in a sentence. */
export function unreadable(path: string, what: string, cause: unknown): LabError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const reason =
    code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause instanceof Error ? cause.message : String(cause)})`
  return new LabError('cli/usage', `"${path}" ${reason}; expected a ${what}.`, { argument: path }, { cause })
}
