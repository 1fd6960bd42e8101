// The zoo seen from the terminal: its files stand in the repository.

import { join } from 'node:path'
import { parseZooModelId, ZOO_MODELS, zooIdOf } from '../zoo/catalog'
import type { ReadZooFile } from '../zoo/zoo-file'
import { readWhole } from './read-file'

const folder = (repository: string): string => join(repository, 'public', 'zoo')

export const zooReader =
  (repository: string): ReadZooFile =>
  (path) =>
    readWhole(join(folder(repository), path), 'file of the zoo')

/** Where the model of `zoo:NAME` is; undefined for other references. Throws `options/invalid` with the list of known ones. */
export function zooModelPath(reference: string, repository: string): string | undefined {
  const id = zooIdOf(reference)
  return id === undefined ? undefined : join(folder(repository), ZOO_MODELS[parseZooModelId(id)].file.path)
}
