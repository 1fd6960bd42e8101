// What a sensitivity analysis compares: the model as it is right before the step that makes it less exact, and after it. Both keep the
// names of values, so that tensors can be set side by side.

import { LabError } from '../core/errors/lab-error'
import type { Model } from '../core/model/model'
import { runRecipe, type RecipeHost, type Techniques } from '../core/pass/run-recipe'
import type { Recipe, RecipeStep } from '../core/recipe/recipe'

export interface ModelPair {
  readonly float: Model
  readonly changed: Model
  /** The step that can leave operators in float. */
  readonly step: RecipeStep
  readonly stepIndex: number
  /** As run: with ranges. */
  readonly recipe: Recipe
  /** Names of operators that the step changed, as its notes have them. */
  readonly changedNodes: ReadonlySet<string>
}

/** Throws `recipe/invalid` for a recipe without such a step, and what its steps throw. */
export async function preparePair(
  model: Model,
  recipe: Recipe,
  techniques: Techniques,
  host: RecipeHost,
): Promise<ModelPair> {
  const stepIndex = recipe.steps.findIndex(({ options }) => 'excludeNodes' in options)
  const step = recipe.steps[stepIndex]
  if (!step) {
    const message = 'No step of the recipe can leave single operators in float, so there is nothing to find out.'
    throw new LabError('recipe/invalid', message, { path: 'steps' })
  }
  const before = await runRecipe(model, { ...recipe, steps: recipe.steps.slice(0, stepIndex) }, techniques, host)
  const float = withNamedNodes(before.model)
  const after = await runRecipe(float, { ...recipe, steps: [step] }, techniques, host)
  const [report] = after.steps
  const changedNodes = new Set(
    (report?.notes ?? []).flatMap(({ kind, subject }) =>
      kind === 'changed' && subject !== undefined ? [subject] : [],
    ),
  )
  return { float, changed: after.model, step, stepIndex, recipe: after.recipe, changedNodes }
}

/** Operators without a name go by their first output, which is how options call them. */
function withNamedNodes(model: Model): Model {
  const nodes = model.graph.nodes.map((node) => (node.name === '' ? { ...node, name: node.outputs[0] ?? '' } : node))
  return { ...model, graph: { ...model.graph, nodes } }
}
