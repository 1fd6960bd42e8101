// Fetches a bundled model from the page's own origin as a file handle, with progress.

import { LabError } from '../../core/errors/lab-error'
import { ZOO_MODELS, type ZooModelId } from '../../zoo/catalog'

/** Throws `download/refused` when the server does not give the file, `job/cancelled` after an abort. */
export async function fetchZooModel(
  id: ZooModelId,
  signal: AbortSignal,
  progress: (fraction: number) => void,
): Promise<readonly File[]> {
  const { path, sizeBytes } = ZOO_MODELS[id].file
  try {
    const response = await fetch(`${import.meta.env.BASE_URL}zoo/${path}`, { signal })
    if (!response.ok || !response.body) {
      throw new LabError('download/refused', `"${path}" was answered with ${response.status}, expected the file.`, {
        path,
      })
    }
    const chunks: Uint8Array<ArrayBuffer>[] = []
    let received = 0
    const reader = response.body.getReader()
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      chunks.push(read.value)
      received += read.value.byteLength
      progress(received / sizeBytes)
    }
    return [new File(chunks, `${id}.onnx`)]
  } catch (error) {
    if (signal.aborted) throw new LabError('job/cancelled', 'Cancelled.', {}, { cause: error })
    if (error instanceof LabError) throw error
    throw new LabError('download/refused', `"${path}" could not be fetched.`, { path }, { cause: error })
  }
}
