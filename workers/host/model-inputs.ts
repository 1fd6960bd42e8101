// What a model is fed with: real samples, given values, or synthetic inputs that follow names, dtypes and ranks.

import { seededRng } from '../../src/core/numeric/rng'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { Dataset } from '../../src/data/dataset'
import { freeDimensionDefaults } from '../../src/data/free-dimensions'
import { synthesizeInputs } from '../../src/data/synthetic-inputs'
import type { EngineSession } from '../../src/engines/engine'
import { openDataset } from './dataset-source'
import type { FreeDimensions, InputSource, PageFacts } from './protocol'

export interface ModelInputs {
  readonly feeds: readonly NamedValues[]
  readonly isSynthetic: boolean
  /** Sizes used for symbolic dimensions; empty for real data, which bring their own. */
  readonly freeDimensions: FreeDimensions
}

export interface InputsRequest {
  readonly source: InputSource
  readonly session: Pick<EngineSession, 'inputs' | 'inputNames'>
  readonly freeDimensions?: FreeDimensions | undefined
  readonly page: PageFacts
  readonly signal: AbortSignal
}

/** Throws what `openDataset` throws. */
export async function openInputs(request: InputsRequest): Promise<ModelInputs> {
  const { source, session, page, signal } = request
  switch (source.kind) {
    case 'values':
      return { feeds: source.feeds, isSynthetic: false, freeDimensions: {} }
    case 'dataset': {
      const dataset = await openDataset(source.dataset, session.inputNames, page, signal)
      return { feeds: await spreadSamples(dataset, source.count), isSynthetic: dataset.isSynthetic, freeDimensions: {} }
    }
    case 'synthetic': {
      const freeDimensions = { ...freeDimensionDefaults(session.inputs), ...request.freeDimensions }
      const dataset = synthesizeInputs(session.inputs, freeDimensions, seededRng(source.seed), source.count)
      return { feeds: await spreadSamples(dataset, source.count), isSynthetic: true, freeDimensions }
    }
    default:
      return source satisfies never
  }
}

/** `count` samples, evenly spread over the set. */
export async function spreadSamples(dataset: Dataset, count: number): Promise<NamedValues[]> {
  const taken = Math.min(count, dataset.size)
  const feeds: NamedValues[] = []
  for (let i = 0; i < taken; i++) feeds.push(await dataset.sample(Math.floor((i * dataset.size) / taken)))
  return feeds
}
