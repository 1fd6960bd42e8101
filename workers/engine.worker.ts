// Owns one engine and its sessions. Thin: each method is a job over `host/`. Jobs run one after another, because a timing must not
// share the engine. The same worker serves other workers as the reference engine (`InferenceApi`).

import { expose } from 'comlink'

import { createBrowserEngine } from './host/ort-runtime-browser'
import { runEngineCheck, runFidelity } from './host/check-jobs'
import { ContenderHost } from './host/contender-jobs'
import { EngineHost } from './host/engine-host'
import { describeModel, predictClasses, runOnce } from './host/engine-jobs'
import { InferenceServer } from './host/inference-server'
import { job, JobQueue, type JobContext } from './host/job'
import { raceVariants } from './host/latency-job'
import { probeEnvironment } from './host/probe-environment'
import type { EngineApi, EngineConfig, InferenceApi } from './host/protocol'

const host = new EngineHost((config) => createBrowserEngine(config.engine, config))
const contender = new ContenderHost(host)
const queue = new JobQueue()
const inference = new InferenceServer(() => createBrowserEngine('ort-wasm', { threads: 1 }))

const queued = <I extends EngineConfig, O>(body: (input: I, context: JobContext) => Promise<O>) =>
  job((input: I, context) => queue.run(context, () => body(input, context)))

const api: EngineApi & InferenceApi = {
  start: queued(async (config) => {
    const { facts, startMs } = await host.engine(config)
    return { facts, environment: probeEnvironment(facts, config.page), startMs }
  }),
  describe: queued((request) => describeModel(host, request)),
  outputs: queued((request) => runOnce(host, request)),
  accuracy: queued((request, context) => predictClasses(host, request, context)),
  engineCheck: queued((request, context) => runEngineCheck(host, request, context)),
  // Seldom needed, and with it comes all that takes a graph apart.
  bisect: queued(async (request, context) => {
    const { runBisection } = await import('./host/bisect-job')
    return runBisection(host, request, context)
  }),
  probe: queued(async (request, context) => {
    const { runProbe } = await import('./host/probe-job')
    return runProbe(host, request, context)
  }),
  fidelity: queued((request, context) => runFidelity(host, request, context)),
  compareLatency: queued(async (request, context) => {
    const engine = await host.engine(request)
    await host.closeAll()
    return raceVariants(engine, request, context)
  }),
  openContender: queued((request, context) => contender.open(request, context)),
  warmUpContender: queued((rule, context) => contender.warmUp(rule, context)),
  timeSlot: queued((slot) => contender.timeSlot(slot)),
  openSession: (model, options) => inference.openSession(model, options),
  runSession: (id, feeds, wanted) => inference.runSession(id, feeds, wanted),
  closeSession: (id) => inference.closeSession(id),
}

expose(api)
