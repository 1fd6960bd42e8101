// The laboratory in this process: ONNX Runtime's plain WASM build in Node.

import { openAsBlob } from 'node:fs'
import { dirname, join } from 'node:path'
import { runBisection } from '../../workers/host/bisect-job'
import { runEngineCheck, runFidelity } from '../../workers/host/check-jobs'
import { ContenderHost } from '../../workers/host/contender-jobs'
import { EngineHost } from '../../workers/host/engine-host'
import { predictSamples } from '../../workers/host/engine-jobs'
import type { JobContext } from '../../workers/host/job'
import { raceVariants } from '../../workers/host/latency-job'
import { spreadSamples } from '../../workers/host/model-inputs'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { probeEnvironment } from '../../workers/host/probe-environment'
import { runProbe } from '../../workers/host/probe-job'
import type {
  ContenderStart,
  EngineConfig,
  InputSource,
  LatencyJobResult,
  ModelFile,
  ModelId,
  SlotRequest,
} from '../../workers/host/protocol'
import { LabError } from '../core/errors/lab-error'
import type { Dataset } from '../data/dataset'
import type { SlotTimes, WarmUpRule } from '../measure/contender'
import { toVariants, type Laboratory, type LaboratoryRequest } from './laboratory'
import { openData } from './open-data'
import { inputNamesOf, type OpenedModel } from './open-model'
import type { Progress } from './progress'

/** With one model as a contender of a race over several processes. */
export interface NodeLaboratory extends Laboratory {
  openContender(model: number, samples: number): Promise<ContenderStart>
  /** `report`: how far it has come, 0…1. */
  warmUpContender(rule: WarmUpRule, report: (fraction: number) => void): Promise<readonly number[]>
  timeSlot(slot: SlotRequest): Promise<SlotTimes>
}

export async function openNodeLaboratory(request: LaboratoryRequest): Promise<NodeLaboratory> {
  const { engine, models, data, freeDimensions, seed, repository, progress } = request
  const files = await Promise.all(models.map(toModelFile))
  const dataset = await openDataset(data, models, repository)
  const host = new EngineHost(({ threads }) => createNodeEngine({ threads }))
  const config: EngineConfig = {
    engine: engine.engine,
    threads: engine.threads,
    page: { baseUrl: '' },
  }
  const context = nodeContext(progress)
  const contender = new ContenderHost(host)
  const file = (index: number): ModelFile => files[index] ?? noModel(index)
  const inputs = async (count: number): Promise<InputSource> =>
    dataset ? { kind: 'values', feeds: await spreadSamples(dataset, count) } : { kind: 'synthetic', seed, count }
  return {
    start: async () => {
      const { facts, startMs } = await host.engine(config)
      return { facts, environment: probeEnvironment(facts, config.page), startMs }
    },
    engineCheck: async (model, samples) =>
      runEngineCheck(host, { ...config, model: file(model), inputs: await inputs(samples), freeDimensions }, context),
    bisect: async (model, samples, check) => {
      const request = { model: file(model), inputs: await inputs(samples), freeDimensions, check }
      return runBisection(host, { ...config, ...request }, context)
    },
    fidelity: async (variant, samples) => {
      const pair = { original: file(0), variant: file(variant) }
      return runFidelity(host, { ...config, ...pair, inputs: await inputs(samples), freeDimensions }, context)
    },
    compareLatency: async (entries, samples, options) => {
      const variants = toVariants(entries, models, file)
      const job = { ...config, seed, ...options, variants, inputs: await inputs(samples), freeDimensions }
      await host.closeAll()
      return atEnd(await raceVariants(await host.engine(config), job, context))
    },
    probe: (request) => runProbe(host, { ...config, ...request }, context),
    openContender: async (model, samples) => {
      const label = engine.name
      const request = { ...config, label, model: file(model), inputs: await inputs(samples), freeDimensions }
      return contender.open(request, context)
    },
    warmUpContender: (rule, report) => contender.warmUp(rule, { ...context, progress: report }),
    timeSlot: (slot) => contender.timeSlot(slot),
    predict: async (samples) => {
      if (!dataset) throw new LabError('internal', 'Classes are predicted on real data only.')
      const requests = files.map((model) => ({ model, optimization: 'all' as const, freeDimensions }))
      const sessions = (await host.open(config, requests)).map(({ session }) => session)
      return predictSamples(sessions, dataset, { from: 0, to: samples ?? dataset.size }, context)
    },
    close: async () => {
      await contender.close()
      await host.closeAll()
    },
  }
}

const nodeContext = (progress: Progress): JobContext => ({
  signal: new AbortController().signal,
  checkpoint: () => new Promise((done) => setImmediate(done)),
  progress: (fraction, what) => progress.show(fraction, what),
  wasDisturbed: () => false,
})

/** Nothing that Node tells of the conditions changes while something runs. */
function atEnd(result: LatencyJobResult): LatencyJobResult {
  const { start } = result.environment.conditions
  return { ...result, environment: { ...result.environment, conditions: { start, end: start } } }
}

function noModel(index: number): never {
  throw new LabError('internal', `There is no model ${index}.`)
}

async function openDataset(
  data: string | undefined,
  [original]: readonly OpenedModel[],
  repository: string,
): Promise<Dataset | undefined> {
  return data === undefined || !original ? undefined : openData(data, inputNamesOf(original.model), repository)
}

/** Handles of the files: bytes are read when a session is created, which is timed. */
async function toModelFile({ path, externalData }: OpenedModel, index: number): Promise<ModelFile> {
  const external = externalData.map(async (location) => ({
    path: location,
    file: await openAsBlob(join(dirname(path), location)),
  }))
  return { id: `model-${index}` as ModelId, file: await openAsBlob(path), externalData: await Promise.all(external) }
}
