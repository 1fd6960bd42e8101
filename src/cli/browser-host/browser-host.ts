// The page's half of `--where browser`: the page's engine clients behind one function that the command line calls in a headless
// browser. Files come in through the file input, so that not even large models travel through the driver.

import { raceEnginesInPage } from '../../app/bench/race-engines'
import { EngineClient } from '../../app/jobs/engine-client'
import type { JobOptions } from '../../app/jobs/run-job'
import { LabError, toWireError } from '../../core/errors/lab-error'
import { HOST_GLOBAL, PROGRESS_GLOBAL, type BrowserCall, type BrowserHost, type FilePlace } from './browser-call'

const clients = new Map<string, EngineClient>()

function clientOf({ engine, threads }: BrowserCall): EngineClient {
  const key = `${engine}:${threads}`
  const client = clients.get(key) ?? new EngineClient(engine, threads)
  clients.set(key, client)
  return client
}

function chosenFile({ fileAt }: FilePlace): File {
  const file = document.querySelector('input')?.files?.item(fileAt)
  if (!file) throw new LabError('internal', `File ${fileAt} was not handed over.`)
  return file
}

/** Puts the files back where their places stand. */
function withFiles(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(withFiles)
  if ('fileAt' in value && typeof value.fileAt === 'number') return chosenFile({ fileAt: value.fileAt })
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withFiles(item)]))
}

function perform(call: BrowserCall, options: JobOptions): Promise<unknown> {
  if (call.method === 'raceEngines') return raceEnginesInPage(withFiles(call.request) as never, options)
  const client = clientOf(call)
  if (call.method === 'start') return client.start(options)
  // `WithPlaces` is the request with places; the way back cannot be told to the compiler.
  return client[call.method](withFiles(call.request) as never, options)
}

const host: BrowserHost = {
  call: async (call) => {
    const report: unknown = Reflect.get(globalThis, PROGRESS_GLOBAL)
    const progress = (fraction: number, what: string): void => {
      if (typeof report === 'function') report(fraction, what)
    }
    try {
      return { ok: true, value: await perform(call, { progress }) }
    } catch (error) {
      return { ok: false, error: toWireError(error) }
    }
  },
}
Reflect.set(globalThis, HOST_GLOBAL, host)
