// A data set from the bytes of an `.npz` file, before the model is known: every array but `labels` is an input.

import { arrayDataset, LABELS } from './array-dataset'
import type { Dataset } from './dataset'
import { decodeNpz } from './npy'

/** `id`: the file's name. Throws `data/invalid`. */
export function decodeNpzDataset(bytes: Uint8Array, id: string): Dataset {
  const arrays = decodeNpz(bytes)
  const inputs = [...arrays.keys()].filter((name) => name !== LABELS)
  return arrayDataset(id, arrays, inputs)
}
