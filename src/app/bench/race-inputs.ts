// What models are run on in the page: real samples where there are any, else seeded synthetic ones.

import type { DatasetRef, InputSource } from '../../../workers/host/protocol'

export const SEED = 1

export const inputsFrom = (dataset: DatasetRef | undefined, count: number, seed = SEED): InputSource =>
  dataset ? { kind: 'dataset', dataset, count } : { kind: 'synthetic', seed, count }
