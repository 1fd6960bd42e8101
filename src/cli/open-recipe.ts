// Opens what stands for RECIPE on the command line: a built-in name, else the path of a recipe file; and a file of ranges for it.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseRanges } from '../core/calibration/ranges-cache'
import { LabError } from '../core/errors/lab-error'
import { dataNeed } from '../core/options/spec'
import { parseRecipeText, type Catalog } from '../core/recipe/parse-recipe'
import type { Recipe } from '../core/recipe/recipe'
import { catalog } from '../techniques/catalog'
import { presetRecipe } from '../techniques/preset-recipe'
import { presets, type PresetName } from '../techniques/presets'
import { unreadable } from './read-file'

const isPreset = (name: string): name is PresetName => Object.hasOwn(presets, name)

/** A file that has the name of a built-in recipe is meant by `./NAME`. Throws what `parseRecipe` throws, and `cli/usage`. */
export async function openRecipe(reference: string): Promise<Recipe> {
  if (isPreset(reference)) return presetRecipe(reference)
  const text = await readFile(reference, 'utf8').catch((cause: unknown) => {
    throw unreadable(reference, `recipe file or one of: ${Object.keys(presets).join(', ')}`, cause)
  })
  return parseRecipeText(text, catalog)
}

/**
 * `recipe` with the ranges of the file in the place of its own. Throws `cli/usage` where it cannot be read, `recipe/invalid` for what
 * is no ranges.
 */
export async function withRangesOf(file: string, recipe: Recipe): Promise<Recipe> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unreadable(file, 'file of ranges', cause)
  })
  return { ...recipe, calibration: { source: `file:${basename(file)}`, indices: [], ranges: parseRanges(text) } }
}

/** Throws `cli/usage` for an option about ranges where no step has to do with any. */
export function verifyUsesRanges({ steps }: Recipe, option: string): void {
  const techniques: Catalog = catalog
  const usesRanges = steps.some(({ technique, options }) => {
    const spec = techniques[technique]
    return spec !== undefined && dataNeed(spec, options) !== 'nothing'
  })
  if (usesRanges) return
  throw new LabError('cli/usage', `${option} needs a recipe that measures ranges; this one does not.`, {
    argument: option,
  })
}
