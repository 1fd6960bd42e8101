// Sizes for the dimensions that a model leaves open, made to fit the model: a text encoder may have positions for 64 tokens only, a
// vision transformer for one size of image. Such limits show when shapes are inferred at the default sizes and contradict each other.

import { inferShapes } from '../core/model/infer-shapes'
import type { Model } from '../core/model/model'
import { freeDimensionDefaults, modelInputs } from './free-dimensions'

type Sizes = Readonly<Record<string, number>>

/** Sizes are not halved below this; batches and other small sizes stay as they are. */
const SMALLEST = 8

/**
 * The defaults of `freeDimensionDefaults`, halved together as long as that leaves fewer contradictions. Throws what `inferShapes` throws.
 */
export function fittedDimensions(model: Model): Sizes {
  let best = freeDimensionDefaults(modelInputs(model))
  let fewest = countConflicts(model, best)
  for (let sizes = halve(best); fewest > 0 && sizes; sizes = halve(sizes)) {
    const conflicts = countConflicts(model, sizes)
    if (conflicts < fewest) [best, fewest] = [sizes, conflicts]
  }
  return best
}

const countConflicts = (model: Model, freeDimensions: Sizes): number =>
  inferShapes(model, { freeDimensions }).conflicts.length

/** Undefined when nothing is large enough. */
function halve(sizes: Sizes): Sizes | undefined {
  const entries = Object.entries(sizes)
  if (!entries.some(([, size]) => size >= 2 * SMALLEST)) return undefined
  return Object.fromEntries(
    entries.map(([name, size]) => [name, size >= 2 * SMALLEST ? Math.floor(size / 2) : size] as const),
  )
}
