// The laboratory in a headless Chromium: the engine workers of the page, served by the local server with isolation headers.

import { basename, dirname, join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { BUILDS, buildWhenStale } from '../../tools/scripts/build-when-stale.mjs'
import { CHROMIUM_ARGS, findChromium, NO_CHROMIUM } from '../../tools/scripts/find-chromium.mjs'
import { serveFolder } from '../../tools/scripts/static-server.mjs'
import type { DatasetRef, InputSource, ModelFile, ModelId } from '../../workers/host/protocol'
import type { EngineRaceOrder } from '../app/bench/race-engines'
import { asLabError, fromWireError, LabError } from '../core/errors/lab-error'
import type { EngineRace } from '../measure/engine-race'
import { zooIdOf } from '../zoo/catalog'
import {
  HOST_GLOBAL,
  PROGRESS_GLOBAL,
  type AnswerOf,
  type BrowserCall,
  type BrowserHost,
  type BrowserMethod,
  type BrowserReply,
  type FilePlace,
  type WithPlaces,
} from './browser-host/browser-call'
import { toVariants, type Laboratory, type LaboratoryRequest } from './laboratory'
import type { OpenedModel } from './open-model'
import type { Progress } from './progress'

export interface BrowserLaboratory extends Laboratory {
  /** Engines in workers of their own, over one model; the laboratory's own engine is not asked. */
  raceEngines(
    model: number,
    order: Omit<EngineRaceOrder, 'model' | 'evaluation' | 'freeDimensions'>,
  ): Promise<EngineRace>
}

/** Throws `engine/unavailable` where there is no Chromium. */
export async function openBrowserLaboratory(request: LaboratoryRequest): Promise<BrowserLaboratory> {
  const { engine, models, data, freeDimensions, seed, repository, progress } = request
  const files = new FileList()
  const handles = models.map((model, index) => toModelFile(model, index, files))
  const dataset = data === undefined ? undefined : toDatasetRef(data, files)
  const { page, close } = await openPage(repository, progress)
  await page.setInputFiles('input', files.paths)
  const ask = <M extends BrowserMethod>(method: M, input: BrowserCall<M>['request']): Promise<AnswerOf<M>> =>
    call(page, { engine: engine.engine, threads: engine.threads, method, request: input })
  const inputs = (count: number): WithPlaces<InputSource> =>
    dataset ? { kind: 'dataset', dataset, count } : { kind: 'synthetic', seed, count }
  const handle = (index: number): WithPlaces<ModelFile> => {
    const found = handles[index]
    if (found) return found
    throw new LabError('internal', `There is no model ${index}.`)
  }
  return {
    start: () => ask('start', null),
    engineCheck: (model, samples) =>
      ask('engineCheck', { model: handle(model), inputs: inputs(samples), freeDimensions }),
    bisect: (model, samples, check) =>
      ask('bisect', { model: handle(model), inputs: inputs(samples), freeDimensions, check }),
    fidelity: (variant, samples) =>
      ask('fidelity', { original: handle(0), variant: handle(variant), inputs: inputs(samples), freeDimensions }),
    compareLatency: (entries, samples, options) => {
      const variants = toVariants(entries, models, handle)
      return ask('compareLatency', { seed, ...options, variants, inputs: inputs(samples), freeDimensions })
    },
    probe: (request) => ask('probe', request),
    raceEngines: (model, order) =>
      ask('raceEngines', { ...order, model: handle(model), evaluation: dataset, freeDimensions }),
    predict: (samples = Number.MAX_SAFE_INTEGER) => {
      if (!dataset) throw new LabError('internal', 'Classes are predicted on real data only.')
      return ask('accuracy', { variants: handles, dataset, from: 0, to: samples })
    },
    close,
  }
}

/** The files that the page gets, each once. */
class FileList {
  readonly paths: string[] = []

  place(path: string): FilePlace {
    const known = this.paths.indexOf(path)
    return { fileAt: known < 0 ? this.paths.push(path) - 1 : known }
  }
}

const toModelFile = ({ path, externalData }: OpenedModel, index: number, files: FileList): WithPlaces<ModelFile> => ({
  id: `model-${index}` as ModelId,
  file: files.place(path),
  externalData: externalData.map((location) => ({ path: location, file: files.place(join(dirname(path), location)) })),
})

function toDatasetRef(data: string, files: FileList): WithPlaces<DatasetRef> {
  const id = zooIdOf(data)
  if (id !== undefined) return { kind: 'zoo', id }
  if (data.endsWith('.npz')) return { kind: 'npz', name: basename(data), file: files.place(data) }
  throw new LabError('cli/usage', `--data is "${data}"; in a browser expected zoo:NAME or an .npz file.`, {
    argument: data,
  })
}

async function openPage(repository: string, progress: Progress): Promise<{ page: Page; close: () => Promise<void> }> {
  const executablePath = chromiumPath()
  progress.show(0, 'Building the engines for the browser')
  await buildWhenStale(BUILDS.browserHost, repository)
  const server = await serveFolder(join(repository, BUILDS.browserHost.folder))
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS })
  const close = async (): Promise<void> => {
    await browser.close()
    await server.close()
  }
  try {
    const page = await browser.newPage()
    await page.exposeFunction(PROGRESS_GLOBAL, (fraction: number, what: string) => progress.show(fraction, what))
    await page.goto(server.address)
    await page.waitForFunction((name) => name in globalThis, HOST_GLOBAL)
    return { page, close }
  } catch (error) {
    await close()
    throw error
  }
}

function chromiumPath(): string {
  try {
    const path = findChromium()
    if (path !== undefined) return path
  } catch (cause) {
    throw new LabError('engine/unavailable', asLabError(cause).message, {}, { cause })
  }
  throw new LabError('engine/unavailable', NO_CHROMIUM)
}

async function call<M extends BrowserMethod>(page: Page, request: BrowserCall<M>): Promise<AnswerOf<M>> {
  const reply = await page.evaluate(
    async ({ name, request }): Promise<BrowserReply> => {
      const host: BrowserHost = Reflect.get(globalThis, name)
      return host.call(request)
    },
    // Playwright clones it; the page finds a call of one of the methods.
    { name: HOST_GLOBAL, request: request as unknown as BrowserCall },
  )
  if (reply.ok) return reply.value as AnswerOf<M>
  throw fromWireError(reply.error)
}
