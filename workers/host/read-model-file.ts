// Reads a model's handles into memory.

import { LabError } from '../../src/core/errors/lab-error'
import type { ModelFile } from './protocol'

export interface ModelBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array<ArrayBuffer> }[]
}

/** Throws `model/parse` when a file cannot be read any more, `model/too-large` when memory does not suffice. */
export async function readModelFile({ file, externalData }: ModelFile): Promise<ModelBytes> {
  const bytes = await readBytes(file, 'The model')
  const external: ModelBytes['externalData'][number][] = []
  for (const { path, file } of externalData) external.push({ path, data: await readBytes(file, `"${path}"`) })
  return { bytes, externalData: external }
}

/** `what` names the file in messages: `"weights.bin"`. */
export async function readBytes(file: Blob, what: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer())
  } catch (cause) {
    const isMemory =
      cause instanceof RangeError || (cause instanceof DOMException && cause.name === 'QuotaExceededError')
    const message = isMemory
      ? `${what} has ${file.size} bytes, more than there is memory for.`
      : `${what} cannot be read any more: it was moved, changed or removed since it was opened.`
    throw new LabError(isMemory ? 'model/too-large' : 'model/parse', message, { sizeBytes: file.size }, { cause })
  }
}
