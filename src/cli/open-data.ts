// Opens what stands for DATA on the command line: a data set of the zoo, an .npz file or a folder of them.

import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { LabError } from '../core/errors/lab-error'
import type { Dataset } from '../data/dataset'
import { arrayDataset } from '../data/array-dataset'
import { decodeNpz } from '../data/npy'
import { zooIdOf } from '../zoo/catalog'
import { loadDataset } from '../zoo/load-dataset'
import { readWhole, unreadable } from './read-file'
import { zooReader } from './zoo-files'

const EXPECTED = 'data set: zoo:NAME, an .npz file or a folder of .npz files'

/**
 * `inputNames`: the model's inputs, which an `.npz` must have arrays for. Throws `cli/usage` when there is no such thing,
 * `data/invalid` for what its files are, `options/invalid` for unknown names of the zoo.
 */
export async function openData(reference: string, inputNames: readonly string[], repository: string): Promise<Dataset> {
  const id = zooIdOf(reference)
  if (id !== undefined) return loadDataset(id, zooReader(repository))
  const facts = await stat(reference).catch((cause: unknown) => {
    throw unreadable(reference, EXPECTED, cause)
  })
  return facts.isDirectory() ? openFolder(reference, inputNames) : openNpz(reference, inputNames)
}

async function openNpz(path: string, inputNames: readonly string[]): Promise<Dataset> {
  if (!path.endsWith('.npz')) {
    throw new LabError('cli/usage', `"${path}" is no .npz file; expected a ${EXPECTED}.`, { argument: path })
  }
  return arrayDataset(basename(path), decodeNpz(await readWhole(path, EXPECTED)), inputNames)
}

async function openFolder(path: string, inputNames: readonly string[]): Promise<Dataset> {
  const entries = await readdir(path, { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.npz')).map(({ name }) => name)
  if (files.length === 0) {
    const found = entries.some((entry) => entry.isDirectory())
      ? 'holds folders; folders of images are not supported yet'
      : 'holds no .npz file'
    throw new LabError('cli/usage', `"${path}" ${found}; expected a ${EXPECTED}.`, { argument: path })
  }
  const parts: Dataset[] = []
  for (const name of files.sort()) parts.push(await openNpz(join(path, name), inputNames))
  return joinDatasets(basename(path), parts)
}

/** The samples of all parts in order. Labels hold only where every part has them. */
function joinDatasets(id: string, parts: readonly Dataset[]): Dataset {
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  const labels = parts.flatMap((part) => part.labels ?? [])
  return {
    id,
    source: id,
    size,
    isSynthetic: false,
    ...(labels.length === size && { labels }),
    sample: async (index) => {
      let rest = index
      for (const part of parts) {
        if (rest < part.size) return part.sample(rest)
        rest -= part.size
      }
      throw new LabError('data/invalid', `Data set "${id}" has samples 0 to ${size - 1}, not ${index}.`, {
        index,
        size,
      })
    },
  }
}
