// Makes handles of models on the page: a fresh id and the files. No bytes are read here.

import type { ModelFile, ModelId } from '../../../workers/host/protocol'

/** Unique within the page: workers cache decoded models and sessions by it. */
export function newModelId(): ModelId {
  const random = crypto.getRandomValues(new Uint32Array(2))
  return `model-${Array.from(random, (word) => word.toString(16).padStart(8, '0')).join('')}` as ModelId
}

/** A model in one file, such as a zoo model that only an engine needs. */
export const modelFile = (file: Blob): ModelFile => ({ id: newModelId(), file, externalData: [] })
