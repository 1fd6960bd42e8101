// Variants for the full tier, made by the command line in a process of its own: calibration wants one thread, and a process keeps the
// number of threads that its runtime was started with.

import { basename, join } from 'node:path'

import type { PresetName } from '../../src/techniques/presets'
import { latheJson } from '../cli/run-lathe'

export interface Variant {
  readonly recipe: PresetName
  readonly path: string
  /** variant ÷ original */
  readonly sizeRatio: number
  readonly recipeKey: string
}

export interface VariantRequest {
  /** As on the command line. */
  readonly model: string
  readonly recipe: PresetName
  /** For calibration. */
  readonly data?: string | undefined
  readonly folder: string
}

export async function makeVariant({ model, recipe, data, folder }: VariantRequest): Promise<Variant> {
  const path = join(folder, `${basename(model, '.onnx').replace('zoo:', '')}-${recipe}.onnx`)
  const calibration = data === undefined ? [] : ['--data', data]
  const { input, output, recipeKey } = await latheJson('compress', model, '-r', recipe, '-o', path, ...calibration)
  return { recipe, path, sizeRatio: sizeOf(output) / sizeOf(input), recipeKey: String(recipeKey) }
}

export async function makeVariants(
  request: Omit<VariantRequest, 'recipe'>,
  recipes: readonly PresetName[],
): Promise<readonly Variant[]> {
  const made: Variant[] = []
  for (const recipe of recipes) made.push(await makeVariant({ ...request, recipe }))
  return made
}

const sizeOf = (facts: unknown): number => (facts as { readonly sizeBytes: number }).sizeBytes
