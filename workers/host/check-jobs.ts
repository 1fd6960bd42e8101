// The two checks before a number: the same file here and on the reference engine (engine check), and a variant against its original on
// the reference engine (fidelity). The reference is plain WASM with optimization disabled: in this worker where it runs that build,
// else in a nested one.

import type { NamedValues } from '../../src/core/pass/tensor-value'
import { decodeModel } from '../../src/core/onnx/decode'
import type { AnsweringSession } from '../../src/engines/engine'
import { expectNoKnownFault } from '../../src/engines/format-support'
import { engineCheckOptions } from '../../src/measure/check-options'
import { checkEngine, type EngineCheck, type EngineCheckOptions } from '../../src/measure/engine-check'
import { measureFidelity } from '../../src/measure/fidelity'
import type { EngineHost } from './engine-host'
import type { JobContext } from './job'
import { openInputs } from './model-inputs'
import type { CheckRequest, EngineConfig, FidelityRequest, FidelityResult, FreeDimensions } from './protocol'
import { readModelFile, type ModelBytes } from './read-model-file'
import { ReferenceEngine } from './reference-engine'

/** Throws `model/unsupported` for what is known not to run here, before anything is opened, and what opening and running throw. */
export async function runEngineCheck(
  host: EngineHost,
  request: EngineConfig & CheckRequest,
  context: JobContext,
): Promise<EngineCheck> {
  const { model, freeDimensions, page } = request
  context.progress(0, 'Opening')
  const options = await readCheckOptions(host, request)
  return withReference(host, request, context, async (reference) => {
    const [here] = await host.open(request, [{ model, optimization: 'all', freeDimensions }])
    const truth = await reference(await readModelFile(model), freeDimensions)
    const sessions = here ? [truth, here.session] : [truth]
    const source = { source: request.inputs, session: truth, freeDimensions, page, signal: context.signal }
    const { feeds } = await openInputs(source)
    const [expected = [], actual = []] = await runAll(sessions, feeds, context)
    return checkEngine(expected, actual, options)
  })
}

/** Of the graph alone: the weights of the file are let go of before a session is opened. */
async function readCheckOptions(host: EngineHost, request: EngineConfig & CheckRequest): Promise<EngineCheckOptions> {
  const { facts } = await host.engine(request)
  const { bytes } = await readModelFile({ ...request.model, externalData: [] })
  const model = decodeModel(bytes)
  expectNoKnownFault(model, facts)
  return engineCheckOptions(model)
}

/** Throws what opening and running throw. */
export async function runFidelity(
  host: EngineHost,
  request: EngineConfig & FidelityRequest,
  context: JobContext,
): Promise<FidelityResult> {
  const { original, variant, freeDimensions, page } = request
  return withReference(host, request, context, async (reference) => {
    context.progress(0, 'Opening')
    const truth = await reference(await readModelFile(original), freeDimensions)
    const source = { source: request.inputs, session: truth, freeDimensions, page, signal: context.signal }
    const { feeds, isSynthetic } = await openInputs(source)
    const changed = await reference(await readModelFile(variant), freeDimensions)
    const [expected = [], actual = []] = await runAll([truth, changed], feeds, context)
    return { fidelity: measureFidelity(expected, actual), isSynthetic }
  })
}

/** Outputs by session and input. */
async function runAll(
  sessions: readonly AnsweringSession[],
  feeds: readonly NamedValues[],
  context: JobContext,
): Promise<NamedValues[][]> {
  const outputs: NamedValues[][] = sessions.map(() => [])
  for (const [index, feed] of feeds.entries()) {
    context.progress(index / feeds.length, `Input ${index + 1} of ${feeds.length}`)
    for (const [at, session] of sessions.entries()) {
      await context.checkpoint()
      outputs[at]?.push(await session.run(feed))
    }
  }
  return outputs
}

/** The caller may close a session; in the end all are closed. `bytes` may be gone afterwards: they are moved where that is possible. */
export type OpenReference = (model: ModelBytes, freeDimensions?: FreeDimensions) => Promise<AnsweringSession>

/** Runs `body` with the reference: plain WASM, every operator as written. */
export async function withReference<T>(
  host: EngineHost,
  config: EngineConfig,
  context: JobContext,
  body: (open: OpenReference) => Promise<T>,
): Promise<T> {
  if (config.engine === 'ort-wasm') return withOwnReference(host, config, body)
  const engine = new ReferenceEngine(context.signal)
  const open: OpenReference = ({ bytes, externalData }, freeDimensions) =>
    engine.openModel(bytes, { externalData, ...(freeDimensions && { freeDimensions }) })
  try {
    return await body(open)
  } finally {
    engine.end()
  }
}

/** Sessions of their own, so that those of the check itself stay open. */
async function withOwnReference<T>(
  host: EngineHost,
  config: EngineConfig,
  body: (open: OpenReference) => Promise<T>,
): Promise<T> {
  const engine = await host.engine(config)
  const opened: AnsweringSession[] = []
  const open: OpenReference = async ({ bytes, externalData }, freeDimensions) => {
    const sizes = freeDimensions && { freeDimensions }
    const session = await engine.open(bytes, { optimization: 'disabled', externalData, ...sizes })
    opened.push(session)
    return session
  }
  try {
    return await body(open)
  } finally {
    for (const session of opened) await session.close()
  }
}
