// A built-in recipe with every option filled in.

import { parseRecipe } from '../core/recipe/parse-recipe'
import { RECIPE_VERSION, type Recipe } from '../core/recipe/recipe'
import { catalog } from './catalog'
import { presets, type PresetName } from './presets'

export function presetRecipe(name: PresetName): Recipe {
  const preset = presets[name]
  const target = 'target' in preset ? { target: preset.target } : {}
  return parseRecipe({ version: RECIPE_VERSION, seed: 0, steps: preset.steps, ...target }, catalog)
}
