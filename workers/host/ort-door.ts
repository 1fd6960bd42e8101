// The door to ONNX Runtime Web: implements the engine seam (`src/engines/engine.ts`) over a runtime that somebody else loaded,
// so that the same code serves the page's workers (`ort-runtime-browser.ts`) and Node (`ort-runtime-node.ts`).
// Nothing here decides which build to use.

import { LabError } from '../../src/core/errors/lab-error'
import type { InferencePort } from '../../src/core/pass/pass-context'
import type { Engine, EngineFacts, EngineId, EngineSession, OpenOptions } from '../../src/engines/engine'
import { joinParts } from '../../src/core/numeric/join-parts'
import { runSelfTests } from '../../src/engines/self-test'
import type { OrtRuntime } from './ort-runtime'
import { openSession } from './ort-session'

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
  let startMs: number | undefined
  const open = async (model: Uint8Array, options: OpenOptions): Promise<EngineSession> => {
    if (options.residency === 'gpu' && !runtime.gpuDevice) {
      throw new LabError('engine/unavailable', `${id} has no GPU for values to stay on.`, { engine: id })
    }
    const session = await openSession({ runtime, id, model, options, sessions })
    startMs ??= performance.now() - runtime.startedAt
    return session
  }
  const close = async (): Promise<void> => {
    await Promise.all([...sessions].map((session) => session.close()))
  }
  const selfTests = await runSelfTests(open)
  const known = { id, runtime: `onnxruntime-web ${ort.env.versions.web}`, build, threads, ...(adapter && { adapter }) }
  return {
    facts: { ...known, selfTests },
    startMs: startMs ?? 0,
    open,
    recover: recovery(runtime, selfTests, { open, close }),
    close,
  }
}

/**
 * With its last session the runtime lets go of a lost device, and the next session gets a new one (seen with version 1.30). An attempt
 * while there is none would leave its module unable to open anything, so the browser is asked first.
 */
function recovery(
  runtime: OrtRuntime,
  before: EngineFacts['selfTests'],
  { open, close }: Pick<Engine, 'open' | 'close'>,
): Engine['recover'] {
  return async (error) => {
    if (!(error instanceof LabError) || error.code !== 'device/lost') return false
    try {
      await close()
      if ((await runtime.awaitGpu?.()) === false) return false
      const after = await runSelfTests(open)
      return after.every(({ ok }, index) => ok || before[index]?.ok === false)
    } catch (failure) {
      if (failure instanceof LabError) return false
      throw failure
    }
  }
}
const startedThreads = new WeakMap<OrtRuntime['ort'], number>()

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
