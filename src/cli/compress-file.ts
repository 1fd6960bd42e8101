// Runs a recipe on a file and writes the result. The weights exist once as the file was read and once as the passes made them: the
// result is written part by part, and the engine for calibration starts only when a technique asks for it.

import { setFlagsFromString } from 'node:v8'
import type { Model } from '../core/model/model'
import { encodeParts, partsSizeBytes } from '../core/onnx/encode-parts'
import type { CalibrationData, InferencePort } from '../core/pass/pass-context'
import { runRecipe, type RecipeResult } from '../core/pass/run-recipe'
import type { Recipe } from '../core/recipe/recipe'
import { recipeKey } from '../core/recipe/recipe-key'
import { takeCensus } from '../core/report/constant-census'
import { catalog } from '../techniques/catalog'
import { passes } from '../techniques/passes'
import { writeAtomically } from './atomic-file'
import { inputNamesOf, openModel } from './open-model'
import { modelMemory, openTaskPool } from './node-task-pool'
import { passHost } from './pass-host'
import type { Terminal } from './terminal'

export interface CompressionRequest {
  /** As on the command line. */
  readonly model: string
  readonly recipe: Recipe
  readonly data?: string | undefined
  /** From `resolveTarget`. */
  readonly target: string
  /** Whether somebody reads the recipe key: hashing a large file takes a sixth of the whole time. */
  readonly isKeyed: boolean
}

interface FileFacts {
  readonly sizeBytes: number
  readonly parameters: number
}

export interface Compression extends Pick<RecipeResult, 'steps' | 'recipe'> {
  readonly input: FileFacts
  readonly output: FileFacts
  /** Null where it was not asked for. */
  readonly recipeKey: string | null
  readonly totalMs: number
  /** Largest resident set of this process so far. */
  readonly peakBytes: number
}

const BYTES_PER_KIB = 1024

export async function compressFile(
  { model: reference, recipe, data, target, isKeyed }: CompressionRequest,
  { progress, repository }: Terminal,
): Promise<Compression> {
  const start = performance.now()
  // What passes allocate besides weights is short-lived; a young generation that grows for it would only add to the peak.
  setFlagsFromString('--semi-space-growth-factor=1')
  // Only loops over weights run long enough to repay the optimizing compiler; the usual budget has it compile half of the passes as well.
  setFlagsFromString('--interrupt-budget=300000')
  const { model, sizeBytes, sha256 } = await openModel(reference, repository, modelMemory)
  const tasks = openTaskPool(repository, sizeBytes)
  const host = {
    ...passHost(progress),
    infer: lazyInference(),
    ...(tasks && { tasks }),
    ...(data !== undefined && { calibration: await openCalibration(data, model, repository) }),
  }
  const result = await runRecipe(model, recipe, { catalog, passes }, host).finally(() => tasks?.end())
  const parts = encodeParts(result.model)
  await writeAtomically(target, parts)
  const { steps, recipe: asRun } = result
  return {
    input: fileFacts(model, sizeBytes),
    output: fileFacts(result.model, partsSizeBytes(parts)),
    ...{ steps, recipe: asRun },
    recipeKey: isKeyed ? await recipeKey(asRun, await sha256(), catalog) : null,
    totalMs: performance.now() - start,
    peakBytes: process.resourceUsage().maxRSS * BYTES_PER_KIB,
  }
}

const fileFacts = (model: Model, sizeBytes: number): FileFacts => ({
  sizeBytes,
  parameters: takeCensus(model).parameters,
})

/** The engine starts when a pass first asks for it. */
function lazyInference(): InferencePort {
  let port: Promise<InferencePort> | undefined
  return {
    open: async (parts) => {
      port ??= import('./node-inference').then(({ startInference }) => startInference())
      return (await port).open(parts)
    },
  }
}

/** Loaded on demand, like the engine: recipes without calibration do not pay for them. */
async function openCalibration(reference: string, model: Model, repository: string): Promise<CalibrationData> {
  const { openData } = await import('./open-data')
  const { source, size, sample } = await openData(reference, inputNamesOf(model), repository)
  return { source, size, sample }
}
