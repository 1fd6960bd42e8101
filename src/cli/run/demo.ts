// `lathe demo`: the main job without a page. Compresses the residual network and the mobile classifier of the zoo in four ways, races
// the variants against their original in Node (plain WASM, one thread) and compares their answers on real data.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EnvironmentRecord } from '../../engines/environment-record'
import type { PresetName } from '../../techniques/presets'
import { ZOO_DATASETS, ZOO_MODELS, type ZooModelId } from '../../zoo/catalog'
import { DEMO_SAMPLES, type commands } from '../commands'
import { comparePredictions, type AnswerComparison } from '../compare-predictions'
import { compressFile, type Compression } from '../compress-file'
import { DEFAULT_ENGINE, parseEngine } from '../engine-name'
import { openLaboratory } from '../open-laboratory'
import { openModels } from '../open-model'
import { openRecipe } from '../open-recipe'
import type { Run, Terminal } from '../terminal'
import type { BenchRatio, BenchVariant } from './bench-result'
import { describeDemo } from './demo-text'
import { measureBench } from './measure-bench'

const MODELS: readonly ZooModelId[] = ['fashion-resnet', 'efficientnet-lite0']
const RECIPES: readonly PresetName[] = ['int8-static', 'int8-dynamic', 'int8-weights', 'fp16']
/** All crops of the photographs, or as many samples of a larger set. */
const FIDELITY_INPUTS = 224
const MARGIN = 0.02
const SEED = 0

export interface DemoVariant {
  /** `original` or the name of the recipe. */
  readonly name: string
  readonly sizeBytes: number
  readonly sizeRatio: number
  readonly timing: BenchVariant
  /** Null for the original, like the answers and the key. */
  readonly latency: BenchRatio | null
  readonly answers: AnswerComparison | null
  readonly recipeKey: string | null
}

export interface DemoModel {
  readonly model: ZooModelId
  readonly title: string
  readonly data: string
  readonly samples: number
  readonly environment: EnvironmentRecord
  readonly variants: readonly DemoVariant[]
}

interface DemoOptions {
  readonly seconds: number
  readonly isFull: boolean
}

export const run: Run<(typeof commands)['demo']['options']> = async ({ options }, terminal) => {
  const start = performance.now()
  const { seconds, full: isFull } = options
  const folder = await mkdtemp(join(tmpdir(), 'lathe-demo-'))
  try {
    const models: DemoModel[] = []
    for (const model of MODELS) models.push(await demonstrate(model, folder, { seconds, isFull }, terminal))
    const [first] = models
    const settings = { seconds, margin: MARGIN, seed: SEED, engine: DEFAULT_ENGINE, isFull }
    const document = { environment: first?.environment ?? null, settings, models, totalMs: performance.now() - start }
    return { document, text: () => describeDemo(models) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function demonstrate(
  id: ZooModelId,
  folder: string,
  { seconds, isFull }: DemoOptions,
  terminal: Terminal,
): Promise<DemoModel> {
  const { title, datasetId, calibrationId } = ZOO_MODELS[id]
  const original = `zoo:${id}`
  const compressions: Compression[] = []
  const targets = RECIPES.map((recipe) => join(folder, `${id}-${recipe}.onnx`))
  for (const [index, recipe] of RECIPES.entries()) {
    terminal.progress.note(`${title}: ${recipe}`)
    const request = { model: original, recipe: await openRecipe(recipe), data: `zoo:${calibrationId}` }
    compressions.push(await compressFile({ ...request, target: targets[index] ?? '', isKeyed: true }, terminal))
  }
  const models = await openModels([original, ...targets], terminal.repository)
  const data = `zoo:${datasetId}`
  const request = { engine: parseEngine(DEFAULT_ENGINE), models, data, freeDimensions: {}, seed: SEED, ...terminal }
  const laboratory = await openLaboratory(request, 'node')
  try {
    terminal.progress.note(`${title}: timing`)
    const files = ['original', ...RECIPES]
    const bench = await measureBench(laboratory, {
      ...{ engine: DEFAULT_ENGINE, files, seconds, margin: MARGIN, fidelityInputs: FIDELITY_INPUTS },
    })
    terminal.progress.note(`${title}: answers`)
    const available = ZOO_DATASETS[datasetId].size
    const predictions = await laboratory.predict(isFull ? available : Math.min(DEMO_SAMPLES, available))
    const originalBytes = models[0]?.sizeBytes ?? NaN
    const variants = bench.variants.map((timing, index): DemoVariant => {
      const compression = compressions[index - 1]
      const sizeBytes = compression?.output.sizeBytes ?? originalBytes
      return {
        name: timing.file,
        sizeBytes,
        sizeRatio: sizeBytes / originalBytes,
        timing,
        latency: bench.ratios[index - 1] ?? null,
        answers: index === 0 ? null : comparePredictions(predictions, index),
        recipeKey: compression?.recipeKey ?? null,
      }
    })
    return { model: id, title, data, samples: predictions.to, environment: bench.environment, variants }
  } finally {
    await laboratory.close()
  }
}
