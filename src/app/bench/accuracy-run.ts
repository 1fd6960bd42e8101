// Counts right answers of original and variant on the same samples, from one planned look to the next. Samples counted once are kept.

import type { DatasetRef, ModelFile, Predictions } from '../../../workers/host/protocol'
import { LabError } from '../../core/errors/lab-error'
import { accuracyLooks, comparePaired, correctAnswers } from '../../measure/accuracy-comparison'
import { clusteredAgreement } from '../../measure/clustered-agreement'
import type { EngineClient } from '../jobs/engine-client'
import type { JobOptions } from '../jobs/run-job'
import { datasetLabel, type AccuracyRecord } from './run-record'

/** What the first look takes from a set whose size is not known yet. */
export const FIRST_LOOK = 500

interface Counted {
  readonly labels: number[]
  readonly clusters: number[]
  readonly original: number[]
  readonly variant: number[]
}

export class AccuracyRun {
  readonly #engine: EngineClient
  readonly #models: readonly ModelFile[]
  readonly #dataset: DatasetRef
  readonly #counted: Counted = { labels: [], clusters: [], original: [], variant: [] }
  #size: number | undefined

  constructor(engine: EngineClient, original: ModelFile, variant: ModelFile, dataset: DatasetRef) {
    this.#engine = engine
    this.#models = [original, variant]
    this.#dataset = dataset
  }

  /** Throws what the engine throws, `job/cancelled`, `data/invalid`; the samples counted before stay counted. */
  async measureToNextLook(options: JobOptions): Promise<AccuracyRecord> {
    const from = this.#counted.original.length
    const to = this.#size === undefined ? FIRST_LOOK : this.#nextLook(from, this.#size).n
    const found = await this.#engine.accuracy({ variants: this.#models, dataset: this.#dataset, from, to }, options)
    this.#add(found)
    return this.#summarize(found.size)
  }

  #nextLook(counted: number, size: number) {
    const look = accuracyLooks(size).find(({ n }) => n > counted)
    if (!look) throw new LabError('data/invalid', `All ${size} samples have been counted.`)
    return look
  }

  #add({ labels, clusters, classes, size }: Predictions): void {
    this.#size = size
    const { original, variant } = this.#counted
    original.push(...(classes[0] ?? []))
    variant.push(...(classes[1] ?? []))
    this.#counted.labels.push(...(labels ?? []))
    this.#counted.clusters.push(...(clusters ?? []))
  }

  #summarize(available: number): AccuracyRecord {
    return accuracyRecord(this.#counted, this.#dataset, available)
  }
}

/** Classes of original and variant on the first samples of a set of `available`; no labels or clusters where the data have none. */
export function accuracyRecord(
  { labels, clusters, original, variant }: Counted,
  dataset: DatasetRef,
  available: number,
): AccuracyRecord {
  const facts = { dataset: datasetLabel(dataset), measured: original.length, available }
  if (labels.length === 0) {
    const agrees = original.map((predicted, index) => predicted === variant[index])
    const groups = clusters.length > 0 ? clusters : agrees.map((_, index) => index)
    return { kind: 'agreement', comparison: clusteredAgreement(agrees, groups), ...facts }
  }
  const z = accuracyLooks(available).find(({ n }) => n === original.length)?.z
  const comparison = comparePaired(correctAnswers(original, labels), correctAnswers(variant, labels), z)
  return { kind: 'labelled', comparison, ...facts }
}
