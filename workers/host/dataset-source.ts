// Turns a reference to real data into a data set, inside the worker that uses it. Zoo data come from the page's own origin, a
// visitor's from the file handle; nothing else is reachable.

import { LabError } from '../../src/core/errors/lab-error'
import { arrayDataset } from '../../src/data/array-dataset'
import type { Dataset } from '../../src/data/dataset'
import { decodeNpz } from '../../src/data/npy'
import { loadDataset } from '../../src/zoo/load-dataset'
import type { DatasetRef, PageFacts } from './protocol'
import { readBytes } from './read-model-file'

/**
 * `inputNames`: the model's inputs, which an `.npz` must have arrays for. Throws `data/invalid` for what the data are,
 * `options/invalid` for an unknown name, `download/refused` when a bundled file does not come.
 */
export async function openDataset(
  ref: DatasetRef,
  inputNames: readonly string[],
  page: PageFacts,
  signal: AbortSignal,
): Promise<Dataset> {
  switch (ref.kind) {
    case 'zoo':
      return loadDataset(ref.id, (path) => fetchBundled(path, page, signal))
    case 'npz':
      return arrayDataset(ref.name, decodeNpz(await readBytes(ref.file, `"${ref.name}"`)), inputNames)
    default:
      return ref satisfies never
  }
}

async function fetchBundled(path: string, { baseUrl }: PageFacts, signal: AbortSignal): Promise<Uint8Array> {
  const url = new URL(`zoo/${path}`, baseUrl)
  try {
    const response = await fetch(url, { signal, mode: 'same-origin' })
    if (response.ok) return new Uint8Array(await response.arrayBuffer())
    throw new LabError('download/refused', `"zoo/${path}" answered ${response.status} ${response.statusText}.`, {
      path,
    })
  } catch (cause) {
    if (cause instanceof LabError) throw cause
    throw new LabError(
      'download/refused',
      `"zoo/${path}" could not be fetched: is the server still there?`,
      { path },
      { cause },
    )
  }
}
