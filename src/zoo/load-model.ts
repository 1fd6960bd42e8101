// Reads the zoo's models and the names of their classes.

import { ZOO_MODELS, type ZooModelId } from './catalog'
import { readZooFile, type ReadZooFile } from './zoo-file'

/** The bytes of the ONNX file. Throws `data/invalid` when they are not what was bundled. */
export const loadZooModel = (id: ZooModelId, read: ReadZooFile): Promise<Uint8Array> =>
  readZooFile(ZOO_MODELS[id].file, read)

/** One name a class, in order. Throws `data/invalid`. */
export async function loadClassNames(id: ZooModelId, read: ReadZooFile): Promise<readonly string[]> {
  const bytes = await readZooFile(ZOO_MODELS[id].classNames, read)
  return new TextDecoder().decode(bytes).trimEnd().split('\n')
}
