// One session of ONNX Runtime as the engine seam wants it: opens a model, converts values, names errors. `resident-run.ts` is the part that
// keeps values on the GPU.

import type * as OrtModule from 'onnxruntime-web/wasm'

import { LabError } from '../../src/core/errors/lab-error'
import type { NamedValues, TensorValue } from '../../src/core/pass/tensor-value'
import type { BoundRun, EngineId, EngineSession, EngineTensorInfo, OpenOptions } from '../../src/engines/engine'
import { asEngineError } from './ort-errors'
import type { OrtRuntime } from './ort-runtime'
import { fromRuntimeTensor, runtimeDType, toRuntimeTensor } from './ort-tensor'
import { bindResident, expectGpuTypes, isLostWithin } from './resident-run'

/** ONNX Runtime logs errors only: what it throws reaches the person, its warnings would reach nobody. */
const LOG_ERRORS = 3
/** How the runtime reports a dimension that has neither a size nor a name. */
const UNKNOWN_DIM = 2 ** 32 - 1
/** A run may fail a few turns of the message loop before the promise of the device that it lost settles. */
const LOSS_PATIENCE_MS = 250

interface SessionRequest {
  readonly runtime: OrtRuntime
  readonly id: EngineId
  readonly model: Uint8Array
  readonly options: OpenOptions
  /** All that are open, this one too once it is. */
  readonly sessions: Set<EngineSession>
}

export async function openSession(request: SessionRequest): Promise<EngineSession> {
  const { runtime, id, model, options, sessions } = request
  const { ort } = runtime
  const failed = failure(request)
  const start = performance.now()
  const session = await ort.InferenceSession.create(model, sessionOptions(id, options)).catch(
    failed('opening the model'),
  )
  const sessionMs = performance.now() - start
  let isOpen = true
  const bound: BoundRun[] = []
  const runTensors = async (
    tensors: Tensors,
    wanted: readonly string[],
  ): Promise<OrtModule.InferenceSession.ReturnType> => {
    if (!isOpen) throw new LabError('internal', 'A session was used after it was closed.', { engine: id })
    return session.run(tensors, wanted).catch(failed('running the model'))
  }
  const read = (results: OrtModule.InferenceSession.ReturnType): Promise<NamedValues> =>
    readOutputs(results).catch(failed('reading the outputs'))
  const run = async (feeds: NamedValues, wanted?: readonly string[]): Promise<NamedValues> =>
    read(await runTensors(toTensors(feeds, session.inputNames, ort), checkWanted(wanted, session.outputNames)))
  const bind = async (feeds: NamedValues): Promise<BoundRun> => {
    const tensors = toTensors(feeds, session.inputNames, ort)
    if (options.residency !== 'gpu')
      return { run: async () => void (await run(feeds)), answer: () => run(feeds), dispose: () => undefined }
    const device = await runtime.gpuDevice?.()
    if (!device) throw new LabError('internal', 'A session on the GPU has no device.', { engine: id })
    const runAll = (inputs: Tensors) => runTensors(inputs, session.outputNames)
    const resident = bindResident({ device, tensors, run: runAll, read, failed, engine: id, make: ort.Tensor })
    bound.push(resident)
    return resident
  }
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    sessions.delete(opened)
    for (const resident of bound) resident.dispose()
    await session.release().catch(failed('closing the model'))
  }
  const { inputNames, outputNames } = session
  const [inputs, outputs] = await describeValues(session, options)
  const opened: EngineSession = { inputNames, outputNames, inputs, outputs, sessionMs, run, bind, close }
  sessions.add(opened)
  return opened
}

type Tensors = Readonly<Record<string, OrtModule.Tensor>>

function failure({ runtime, id, sessions }: SessionRequest) {
  return (doing: string) =>
    async (error: unknown): Promise<never> => {
      // The runtime itself destroys the device with its last session; then it is gone, but not the reason.
      const device = sessions.size > 0 ? await runtime.gpuDevice?.() : undefined
      throw asEngineError(error, id, doing, device && (await isLostWithin(device, LOSS_PATIENCE_MS)))
    }
}

function toTensors(feeds: NamedValues, names: readonly string[], ort: OrtRuntime['ort']): Tensors {
  const tensors: Record<string, OrtModule.Tensor> = {}
  for (const name of names) {
    const value = feeds[name]
    if (value) tensors[name] = toRuntimeTensor(value, name, ort.Tensor)
    else throw new LabError('data/invalid', `The model's input "${name}" was not given.`, { tensor: name })
  }
  return tensors
}

async function readOutputs(results: OrtModule.InferenceSession.ReturnType): Promise<NamedValues> {
  const outputs: Record<string, TensorValue> = {}
  for (const [name, tensor] of Object.entries(results)) outputs[name] = await fromRuntimeTensor(tensor, name)
  return outputs
}

/** Releases a session that cannot be served. */
async function describeValues(session: OrtModule.InferenceSession, { residency }: OpenOptions) {
  try {
    const values = [session.inputMetadata.map(tensorInfo), session.outputMetadata.map(tensorInfo)] as const
    if (residency === 'gpu') expectGpuTypes(values.flat())
    return values
  } catch (error) {
    await session.release()
    throw error
  }
}

function sessionOptions(id: EngineId, options: OpenOptions): OrtModule.InferenceSession.SessionOptions {
  const { optimization, freeDimensions, externalData, config, residency } = options
  return {
    executionProviders: id === 'ort-webgpu' ? ['webgpu', 'wasm'] : ['wasm'],
    graphOptimizationLevel: optimization,
    logSeverityLevel: LOG_ERRORS,
    ...(residency === 'gpu' && { preferredOutputLocation: 'gpu-buffer' }),
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
