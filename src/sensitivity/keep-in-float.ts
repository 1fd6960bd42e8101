// The recipe with some operators left in float: what the button beside a hurting layer does.

import type { Recipe, RecipeStep } from '../core/recipe/recipe'

/** Adds `names` to the operators that step `stepIndex` leaves alone. Ranges of the recipe stay: they are of the same tensors. */
export function keepInFloat(recipe: Recipe, stepIndex: number, names: readonly string[]): Recipe {
  const steps = recipe.steps.map((step, index) => (index === stepIndex ? withExcluded(step, names) : step))
  return { ...recipe, steps }
}

/** The step with `names` added to the operators that it leaves alone. */
export function withExcluded(step: RecipeStep, names: readonly string[]): RecipeStep {
  const { excludeNodes } = step.options
  const before = Array.isArray(excludeNodes) ? (excludeNodes as readonly string[]) : []
  return { ...step, options: { ...step.options, excludeNodes: [...new Set([...before, ...names])].sort() } }
}
