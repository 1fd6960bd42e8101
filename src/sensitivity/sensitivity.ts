// Which tensors and layers a recipe hurts: the entry of this folder. The order of the questions is that of the specification: weights, then
// activations, then one layer at a time.

import { spreadIndices } from '../core/calibration/observe'
import type { Model } from '../core/model/model'
import type { CalibrationData } from '../core/pass/pass-context'
import type { RecipeHost, Techniques } from '../core/pass/run-recipe'
import type { Recipe, RecipeCalibration } from '../core/recipe/recipe'
import { activationErrors, type ActivationError } from './activation-errors'
import { firstBroken } from './first-broken'
import { layerErrors, type LayerError } from './layer-errors'
import { preparePair } from './prepare-pair'
import { weightErrors, type WeightError } from './weight-errors'

export interface SensitivityRequest {
  readonly model: Model
  /** One of its steps can leave operators in float (option `excludeNodes`); the first of these is analysed. */
  readonly recipe: Recipe
  readonly techniques: Techniques
  readonly host: RecipeHost
  readonly data: CalibrationData
  /** Of these samples at most are run, evenly spread. */
  readonly samples: number
  readonly labelOf?: ((index: number) => number) | undefined
}

export interface Sensitivity {
  /** Id of the technique and its place in the recipe. */
  readonly technique: string
  readonly stepIndex: number
  readonly samples: number
  /** The ranges that it was found with; absent where the step needs none. */
  readonly calibration?: RecipeCalibration
  readonly weights: readonly WeightError[]
  /** In the order of the network. */
  readonly activations: readonly ActivationError[]
  /** Name of the first activation that breaks; null where none does. */
  readonly firstBroken: string | null
  /** In the order of the network. */
  readonly layers: readonly LayerError[]
}

/** Parts of the progress that the three questions take. */
const SHARES = { prepare: 0.1, activations: 0.3 } as const

/** Throws `recipe/invalid` where there is nothing to analyse, `job/cancelled`, and what techniques, engine and data throw. */
export async function analyseSensitivity(request: SensitivityRequest): Promise<Sensitivity> {
  const { model, recipe, techniques, host, data } = request
  const part = (from: number, to: number): RecipeHost => ({
    ...host,
    progress: (fraction, what) => host.progress(from + (to - from) * fraction, what),
  })
  const pair = await preparePair(model, recipe, techniques, part(0, SHARES.prepare))
  const indices = spreadIndices(data.size, request.samples)
  const weights = weightErrors(pair.float.graph, pair.changed.graph)
  const halfway = SHARES.prepare + SHARES.activations
  const activations = await activationErrors(pair, data, indices, part(SHARES.prepare, halfway))
  const layers = await layerErrors({
    pair,
    techniques,
    host: part(halfway, 1),
    data,
    indices,
    labelOf: request.labelOf,
  })
  host.progress(1, 'done')
  return {
    technique: pair.step.technique,
    stepIndex: pair.stepIndex,
    samples: indices.length,
    ...(pair.recipe.calibration && { calibration: pair.recipe.calibration }),
    weights,
    activations,
    firstBroken: firstBroken(activations, pair.float.graph),
    layers,
  }
}
