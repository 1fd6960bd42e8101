// The door to ONNX Runtime Web: implements the engine seam (`src/engines/engine.ts`) over a runtime that somebody else loaded,
// so that the same code serves the page's workers (`ort-runtime-browser.ts`) and Node (`ort-runtime-node.ts`).
// Nothing here decides which build to use.

import type * as OrtModule from 'onnxruntime-web/wasm'

import { LabError } from '../../src/core/errors/lab-error'
import type { InferencePort } from '../../src/core/pass/pass-context'
import type { NamedValues, TensorValue } from '../../src/core/pass/tensor-value'
import type {
  Engine,
  EngineFacts,
  EngineId,
  EngineSession,
  EngineTensorInfo,
  OpenOptions,
} from '../../src/engines/engine'
import { joinParts } from '../../src/core/numeric/join-parts'
import { runSelfTests } from '../../src/engines/self-test'
import { asEngineError } from './ort-errors'
import { fromRuntimeTensor, runtimeDType, toRuntimeTensor } from './ort-tensor'

type Ort = typeof OrtModule

/** A loaded build of the runtime and what its loader found out. */
export interface OrtRuntime {
  readonly ort: Ort
  readonly build: EngineFacts['build']
  readonly adapter?: EngineFacts['adapter']
  /** True while the GPU device is gone: whatever the runtime then says, that is the reason. */
  isDeviceLost?(): Promise<boolean>
}

/** ONNX Runtime logs errors only: what it throws reaches the person, its warnings would reach nobody. */
const LOG_ERRORS = 3
/** How the runtime reports a dimension that has neither a size nor a name. */
const UNKNOWN_DIM = 2 ** 32 - 1

/**
 * Throws `engine/unavailable` when the runtime already runs with another number of threads (a module keeps its first one), and
 * `engine/failed` when it does not start.
 */
export async function createOrtEngine(
  id: EngineId,
  { threads }: { readonly threads: number },
  runtime: OrtRuntime,
): Promise<Engine> {
  const { ort, build, adapter } = runtime
  const running = startedThreads.get(ort)
  if (running !== undefined && running !== threads) {
    const message = `ONNX Runtime already runs with ${running} threads here; ${threads} need a worker of their own.`
    throw new LabError('engine/unavailable', message, { engine: id })
  }
  startedThreads.set(ort, threads)
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  const sessions = new Set<EngineSession>()
  const open = (model: Uint8Array, options: OpenOptions): Promise<EngineSession> =>
    openSession({ runtime, id, model, options, sessions })
  const close = async (): Promise<void> => {
    await Promise.all([...sessions].map((session) => session.close()))
  }
  const known = { id, runtime: `onnxruntime-web ${ort.env.versions.web}`, build, threads, ...(adapter && { adapter }) }
  return { facts: { ...known, selfTests: await runSelfTests(open) }, open, close }
}
const startedThreads = new WeakMap<Ort, number>()

/**
 * Inference for passes. `engine` must be plain WASM with one thread, so that calibration gives the same ranges on every machine;
 * anything else throws `internal`.
 */
export function inferencePort(engine: Engine): InferencePort {
  const { id, build, threads } = engine.facts
  if (id !== 'ort-wasm' || build !== 'wasm' || threads !== 1) {
    throw new LabError('internal', `Passes infer on plain WASM with one thread, not on ${id} (${build}, ${threads}).`)
  }
  return { open: (parts) => engine.open(joinParts(parts), { optimization: 'disabled' }) }
}

interface SessionRequest {
  readonly runtime: OrtRuntime
  readonly id: EngineId
  readonly model: Uint8Array
  readonly options: OpenOptions
  /** All that are open, this one too once it is. */
  readonly sessions: Set<EngineSession>
}

async function openSession({ runtime, id, model, options, sessions }: SessionRequest): Promise<EngineSession> {
  const { ort } = runtime
  const failed = (doing: string) => async (error: unknown) => {
    // The runtime itself destroys the device with its last session; then it is gone, but not the reason.
    const isDeviceLost = sessions.size > 0 && (await runtime.isDeviceLost?.())
    throw asEngineError(error, id, doing, isDeviceLost)
  }
  const start = performance.now()
  const session = await ort.InferenceSession.create(model, sessionOptions(id, options)).catch(
    failed('opening the model'),
  )
  const sessionMs = performance.now() - start
  let isOpen = true
  const run = async (feeds: NamedValues, wanted?: readonly string[]): Promise<NamedValues> => {
    if (!isOpen) throw new LabError('internal', 'A session was used after it was closed.', { engine: id })
    const tensors: Record<string, OrtModule.Tensor> = {}
    for (const name of session.inputNames) {
      const value = feeds[name]
      if (value) tensors[name] = toRuntimeTensor(value, name, ort.Tensor)
      else throw new LabError('data/invalid', `The model's input "${name}" was not given.`, { tensor: name })
    }
    const results = await session
      .run(tensors, checkWanted(wanted, session.outputNames))
      .catch(failed('running the model'))
    const outputs: Record<string, TensorValue> = {}
    for (const [name, tensor] of Object.entries(results)) {
      outputs[name] = await fromRuntimeTensor(tensor, name).catch(failed('reading the outputs'))
    }
    return outputs
  }
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    sessions.delete(opened)
    await session.release()
  }
  const { inputNames, outputNames } = session
  const [inputs, outputs] = await describeValues(session)
  const opened: EngineSession = { inputNames, outputNames, inputs, outputs, sessionMs, run, close }
  sessions.add(opened)
  return opened
}

/** Releases a session that cannot be served. */
async function describeValues(session: OrtModule.InferenceSession) {
  try {
    return [session.inputMetadata.map(tensorInfo), session.outputMetadata.map(tensorInfo)] as const
  } catch (error) {
    await session.release()
    throw error
  }
}

function sessionOptions(id: EngineId, options: OpenOptions): OrtModule.InferenceSession.SessionOptions {
  const { optimization, freeDimensions, externalData, config } = options
  return {
    executionProviders: id === 'ort-webgpu' ? ['webgpu', 'wasm'] : ['wasm'],
    graphOptimizationLevel: optimization,
    logSeverityLevel: LOG_ERRORS,
    ...(freeDimensions && { freeDimensionOverrides: freeDimensions }),
    ...(externalData && { externalData: [...externalData] }),
    ...(config && { extra: nestConfig(config) }),
  }
}

/** `{ 'session.a': '1' }` → `{ session: { a: '1' } }`, as the runtime wants it. */
function nestConfig(config: Readonly<Record<string, string>>): Record<string, Record<string, string>> {
  const nested: Record<string, Record<string, string>> = {}
  for (const [key, value] of Object.entries(config)) {
    const dot = key.indexOf('.')
    const group = key.slice(0, Math.max(dot, 0)) || 'session'
    nested[group] = { ...nested[group], [key.slice(dot + 1)]: value }
  }
  return nested
}

function checkWanted(wanted: readonly string[] | undefined, known: readonly string[]): readonly string[] {
  const strange = wanted?.find((name) => !known.includes(name))
  if (strange === undefined) return wanted ?? known
  const message = `The model has no output "${strange}"; it has ${known.map((name) => `"${name}"`).join(', ')}.`
  throw new LabError('data/invalid', message, { tensor: strange, expected: known })
}

function tensorInfo(info: OrtModule.InferenceSession.ValueMetadata): EngineTensorInfo {
  if (!info.isTensor) {
    const message = `"${info.name}" is a sequence or a map; the runtime takes and returns tensors only.`
    throw new LabError('model/unsupported', message, { tensor: info.name })
  }
  const shape = info.shape.map((dim) => (dim === UNKNOWN_DIM || dim === '' || dim === -1 ? null : dim))
  return { name: info.name, dtype: runtimeDType(info.type, info.name), shape }
}
