// Owns decoded models by id and runs recipes on them. Thin: opening is in `host/open-model.ts`, running in `src/core/pass/run-recipe.ts`.

import { expose } from 'comlink'

import { measureWorkload } from '../src/advisor/workload'
import { LabError } from '../src/core/errors/lab-error'
import { encodeParts } from '../src/core/onnx/encode-parts'
import { runRecipe, type RecipeHost } from '../src/core/pass/run-recipe'
import { recipeKey, sha256Hex } from '../src/core/recipe/recipe-key'
import { summarizeModel } from '../src/core/report/model-summary'
import type { Dataset } from '../src/data/dataset'
import { fittedDimensions } from '../src/data/fitted-dimensions'
import type { Sensitivity } from '../src/sensitivity/sensitivity'
import type { TensorDetail } from '../src/sensitivity/tensor-detail'
import { catalog } from '../src/techniques/catalog'
import { passes } from '../src/techniques/passes'
import { openTaskPool } from './host/browser-task-pool'
import { openDataset } from './host/dataset-source'
import { job, type JobContext } from './host/job'
import { openFiles, reopen, type OpenModel } from './host/open-model'
import type {
  CompressApi,
  Compression,
  CompressRequest,
  DatasetRef,
  ModelFile,
  ModelId,
  PageFacts,
  SensitivityJobRequest,
  TensorDetailRequest,
} from './host/protocol'
import { readBytes } from './host/read-model-file'
import { ReferenceEngine } from './host/reference-engine'

/** Decoded models. A cache: requests carry the handles, so a fresh worker reads again what it needs. */
const models = new Map<ModelId, OpenModel>()

async function opened(file: ModelFile, context: JobContext): Promise<OpenModel> {
  const model = models.get(file.id) ?? (await reopen(file, context))
  models.set(file.id, model)
  return model
}

const openData = ({ model }: OpenModel, dataset: DatasetRef, page: PageFacts, { signal }: JobContext) =>
  openDataset(
    dataset,
    model.graph.inputs.map(({ name }) => name),
    page,
    signal,
  )

const passHost = (engine: ReferenceEngine, context: JobContext): RecipeHost => ({
  checkpoint: () => context.checkpoint(),
  progress: context.progress,
  now: () => performance.now(),
  infer: engine,
})

async function compress(request: CompressRequest, context: JobContext): Promise<Compression> {
  const start = performance.now()
  const original = await opened(request.model, context)
  const engine = new ReferenceEngine(context.signal)
  const calibration = request.calibration && (await openData(original, request.calibration, request.page, context))
  const tasks = openTaskPool(original.file.file.size)
  const host = { ...passHost(engine, context), ...(tasks && { tasks }), ...(calibration && { calibration }) }
  try {
    const result = await runRecipe(original.model, request.recipe, { catalog, passes }, host)
    await context.checkpoint()
    // Blob parts must not be views of shared memory; the encoder's never are.
    const file = new Blob(encodeParts(result.model) as Uint8Array<ArrayBuffer>[], { type: 'application/octet-stream' })
    const { recipe, steps } = result
    const totalMs = performance.now() - start
    const summary = summarizeModel(result.model, file.size, { freeDimensions: fittedDimensions(result.model) })
    return {
      model: { id: request.resultId, file, externalData: [] },
      summary,
      report: { steps, totalMs },
      recipe,
      recipeKey: await recipeKey(recipe, original.sha256, catalog),
      sha256: await hashOf(file),
    }
  } finally {
    engine.end()
    tasks?.end()
  }
}

/** Runs `work` with the data and the reference engine, which ends with it. */
async function withData<T>(
  request: SensitivityJobRequest,
  context: JobContext,
  work: (model: OpenModel, data: Dataset, host: RecipeHost) => Promise<T>,
): Promise<T> {
  const original = await opened(request.model, context)
  const data = await openData(original, request.data, request.page, context)
  const engine = new ReferenceEngine(context.signal)
  try {
    return await work(original, data, { ...passHost(engine, context), calibration: data })
  } finally {
    engine.end()
  }
}

// Seldom needed, and with it comes all that sets two models side by side.
const findSensitivity = (request: SensitivityJobRequest, context: JobContext): Promise<Sensitivity> =>
  withData(request, context, async ({ model }, data, host) => {
    const { analyseSensitivity } = await import('../src/sensitivity/sensitivity')
    const { labels } = data
    return analyseSensitivity({
      ...{ model, recipe: request.recipe, samples: request.samples, host, data },
      techniques: { catalog, passes },
      ...(labels && { labelOf: (index: number) => labels[index] ?? -1 }),
    })
  })

const findDetail = ({ tensor, ...request }: TensorDetailRequest, context: JobContext): Promise<TensorDetail> =>
  withData(request, context, async ({ model }, data, host) => {
    const { lookAtTensor } = await import('../src/sensitivity/look-at-tensor')
    const { recipe, samples } = request
    return lookAtTensor(tensor, { model, recipe, techniques: { catalog, passes }, host, data, samples })
  })

/** Null when there is no memory left to read the file back: the result stands without it. */
async function hashOf(file: Blob): Promise<string | null> {
  try {
    return await sha256Hex(await readBytes(file, 'The result'))
  } catch (error) {
    if (error instanceof LabError && error.code === 'model/too-large') return null
    throw error
  }
}

const api: CompressApi = {
  load: job(async ({ id, files }, context) => {
    const open = await openFiles(id, files, context)
    models.set(id, open)
    const freeDimensions = fittedDimensions(open.model)
    const summary = summarizeModel(open.model, open.file.file.size, { freeDimensions })
    return { model: open.file, summary, freeDimensions, sha256: open.sha256 }
  }),
  compress: job(compress),
  sensitivity: job(findSensitivity),
  workload: job(async ({ model, freeDimensions }, context) =>
    measureWorkload((await opened(model, context)).model, freeDimensions),
  ),
  tensorDetail: job(findDetail),
  release: job(async (id) => {
    models.delete(id)
    return null
  }),
}

expose(api)
