// The jobs of an engine worker besides timing: what a model takes and gives, what it answers, and how far answers lie apart.

import { LabError } from '../../src/core/errors/lab-error'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import { argmax, outputNumbers } from '../../src/data/classification'
import type { Dataset } from '../../src/data/dataset'
import { freeDimensionDefaults } from '../../src/data/free-dimensions'
import type { EngineSession } from '../../src/engines/engine'
import { openDataset } from './dataset-source'
import type { EngineHost } from './engine-host'
import type { JobContext } from './job'
import type {
  AccuracyRequest,
  EngineConfig,
  InterfaceRequest,
  ModelInterface,
  OutputsRequest,
  Predictions,
} from './protocol'

export async function describeModel(
  host: EngineHost,
  request: EngineConfig & InterfaceRequest,
): Promise<ModelInterface> {
  const { model, freeDimensions } = request
  const [opened] = await host.open(request, [{ model, optimization: 'all', freeDimensions }])
  const { session, loadMs } = expectOne(opened)
  const { inputs, outputs, sessionMs } = session
  return { inputs, outputs, freeDimensions: { ...freeDimensionDefaults(inputs), ...freeDimensions }, loadMs, sessionMs }
}

export async function runOnce(host: EngineHost, request: EngineConfig & OutputsRequest): Promise<NamedValues> {
  const { model, freeDimensions, feeds, wanted } = request
  const [opened] = await host.open(request, [{ model, optimization: 'all', freeDimensions }])
  return expectOne(opened).session.run(feeds, wanted)
}

export async function predictClasses(
  host: EngineHost,
  request: EngineConfig & AccuracyRequest,
  context: JobContext,
): Promise<Predictions> {
  context.progress(0, 'Opening')
  const requests = request.variants.map((model) => ({ model, optimization: 'all' as const }))
  const sessions = (await host.open(request, requests)).map(({ session }) => session)
  const inputNames = sessions[0]?.inputNames ?? []
  const dataset = await host.dataset(request.dataset, () =>
    openDataset(request.dataset, inputNames, request.page, context.signal),
  )
  return predictSamples(sessions, dataset, request, context)
}

/** Classes by the first output, one sample at a time: a dynamically quantized model's answer depends on its batch. */
export async function predictSamples(
  sessions: readonly EngineSession[],
  dataset: Dataset,
  range: Pick<AccuracyRequest, 'from' | 'to'>,
  context: Pick<JobContext, 'checkpoint' | 'progress'>,
): Promise<Predictions> {
  const from = Math.min(range.from, dataset.size)
  const to = Math.min(range.to, dataset.size)
  const classes = sessions.map(() => new Int32Array(to - from))
  for (let index = from; index < to; index++) {
    await context.checkpoint()
    context.progress((index - from) / (to - from), `${index - from} of ${to - from} samples`)
    const feeds = await dataset.sample(index)
    for (const [variant, session] of sessions.entries()) {
      const predicted = classes[variant]
      if (predicted) predicted[index - from] = await predict(session, feeds)
    }
  }
  return { from, to, size: dataset.size, classes, ...labelsOf(dataset, from, to) }
}

function labelsOf({ labels, clusters }: Dataset, from: number, to: number): Pick<Predictions, 'labels' | 'clusters'> {
  return {
    ...(labels && { labels: Int32Array.from(labels.slice(from, to)) }),
    ...(clusters && { clusters: Int32Array.from(clusters.slice(from, to)) }),
  }
}

async function predict(session: EngineSession, feeds: NamedValues): Promise<number> {
  const name = session.outputNames[0] ?? ''
  const scores = (await session.run(feeds, [name]))[name]
  if (!scores) throw new LabError('model/unsupported', 'The model has no outputs.')
  return argmax(outputNumbers(scores))
}

function expectOne<T>(opened: T | undefined): T {
  if (opened !== undefined) return opened
  throw new LabError('internal', 'A model was asked for and none was opened.')
}
