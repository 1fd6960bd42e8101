// After an engine check has failed: where the answers start to differ. Parts of the model are opened on this engine and on the reference,
// one after another, on the sample that was worst.

import { LabError } from '../../src/core/errors/lab-error'
import { joinParts } from '../../src/core/numeric/join-parts'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { attachExternalData } from '../../src/core/onnx/external-data'
import type { InferenceSession } from '../../src/core/pass/pass-context'
import { locateFault, type RunCut } from '../../src/measure/bisection'
import type { FaultSite } from '../../src/measure/fault-site'
import { withReference, type OpenReference } from './check-jobs'
import type { EngineHost } from './engine-host'
import type { JobContext } from './job'
import { openInputs } from './model-inputs'
import type { BisectRequest, EngineConfig, ModelFile } from './protocol'
import { readModelFile } from './read-model-file'

/** `check` must be a failed one of the same model and inputs, else `internal`. Throws what opening and running throw. */
export async function runBisection(
  host: EngineHost,
  request: EngineConfig & BisectRequest,
  context: JobContext,
): Promise<FaultSite> {
  const { check, freeDimensions } = request
  const failing = check.outputs.filter(({ ok }) => !ok)
  if (failing.length === 0)
    throw new LabError('internal', 'A model that passed its engine check has no fault to locate.')
  const engine = await host.engine(request)
  await host.closeAll()
  const model = await readModel(request.model)
  return withReference(host, request, context, async (reference) => {
    const feeds = await worstFeeds(request, reference, context)
    const sizes = freeDimensions && { freeDimensions }
    return locateFault(
      {
        model,
        feeds,
        outputs: failing.map(({ name }) => name),
        reference: runCut((bytes) => reference({ bytes, externalData: [] }, freeDimensions)),
        suspect: runCut((bytes) => engine.open(bytes, { optimization: 'all', ...sizes })),
      },
      context,
    )
  })
}

/** With external data in place: parts of a model are opened from memory. */
async function readModel(file: ModelFile) {
  const { bytes, externalData } = await readModelFile(file)
  return attachExternalData(decodeModel(bytes), new Map(externalData.map(({ path, data }) => [path, data])))
}

/** The input that the check found worst, made or read again. */
async function worstFeeds(
  { model, inputs, freeDimensions, page, check }: BisectRequest & EngineConfig,
  reference: OpenReference,
  { signal }: JobContext,
) {
  const session = await reference(await readModelFile(model), freeDimensions)
  try {
    const { feeds } = await openInputs({ source: inputs, session, freeDimensions, page, signal })
    const sample = check.outputs.find(({ ok }) => !ok)?.worst?.sample ?? 0
    const [first] = feeds
    const worst = feeds[sample] ?? first
    if (worst) return worst
    throw new LabError('data/invalid', 'There is no input to look for the fault with.')
  } finally {
    await session.close()
  }
}

const runCut =
  (open: (bytes: Uint8Array<ArrayBuffer>) => Promise<InferenceSession>): RunCut =>
  async (cut, feeds) => {
    const session = await open(joinParts(encodeParts(cut)))
    try {
      const outputs = []
      for (const feed of feeds) outputs.push(await session.run(feed))
      return outputs
    } finally {
      await session.close()
    }
  }
