// A recipe: everything that, with a model, determines the result to the byte. It is what people save, share and reload.

import type { OptionValue } from '../options/spec'
import type { TensorRanges } from '../pass/pass-context'
import type { TargetId } from './target'

export const RECIPE_VERSION = 1

export interface RecipeStep {
  readonly technique: string
  readonly options: Readonly<Record<string, OptionValue>>
}

/** The real data that was used and what it showed: with stored ranges no data are needed to repeat the recipe. */
export interface RecipeCalibration {
  readonly source: string
  readonly indices: readonly number[]
  readonly ranges: TensorRanges
}

export interface Recipe {
  readonly version: typeof RECIPE_VERSION
  readonly seed: number
  readonly steps: readonly RecipeStep[]
  readonly calibration?: RecipeCalibration
  /** The engine it writes for, where that is not the one it runs on here. */
  readonly target?: TargetId
}
