// Turns a reference to real data into a data set, inside the worker that uses it. Zoo data come from the page's own origin, a
// visitor's from the file handle; nothing else is reachable.

import type { CalibrationData } from '../../src/core/pass/pass-context'
import type { Dataset } from '../../src/data/dataset'
import { decodeNpzDataset } from '../../src/data/npz-dataset'
import { loadDataset } from '../../src/zoo/load-dataset'
import type { DatasetRef } from './protocol'
import { readBytes } from './read-model-file'

/** Throws `data/invalid` for an unknown name or a file that is no data set. */
export async function openDataset(ref: DatasetRef, signal: AbortSignal): Promise<Dataset> {
  switch (ref.kind) {
    case 'zoo':
      return loadDataset(ref.id, (path) => fetchOwn(path, signal))
    case 'npz':
      return decodeNpzDataset(await readBytes(ref.file, `"${ref.name}"`), ref.name)
    default:
      return ref satisfies never
  }
}

export async function openCalibration(ref: DatasetRef, signal: AbortSignal): Promise<CalibrationData> {
  const { source, size, sample } = await openDataset(ref, signal)
  return { source, size, sample }
}
