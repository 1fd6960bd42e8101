// Opens what stands for RECIPE on the command line: a built-in name, else the path of a recipe file.

import { readFile } from 'node:fs/promises'
import { parseRecipe, parseRecipeText } from '../core/recipe/parse-recipe'
import { RECIPE_VERSION, type Recipe } from '../core/recipe/recipe'
import { catalog } from '../techniques/catalog'
import { presets, type PresetName } from '../techniques/presets'
import { unreadable } from './read-file'

const isPreset = (name: string): name is PresetName => Object.hasOwn(presets, name)

/** A file that has the name of a built-in recipe is meant by `./NAME`. Throws what `parseRecipe` throws, and `cli/usage`. */
export async function openRecipe(reference: string): Promise<Recipe> {
  if (isPreset(reference)) return parseRecipe({ version: RECIPE_VERSION, steps: presets[reference].steps }, catalog)
  const text = await readFile(reference, 'utf8').catch((cause: unknown) => {
    throw unreadable(reference, `recipe file or one of: ${Object.keys(presets).join(', ')}`, cause)
  })
  return parseRecipeText(text, catalog)
}
