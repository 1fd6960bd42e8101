// Runs a recipe: each step's technique in turn, the graph verified after each, ranges and notes collected.
// The host (worker, command line, test) brings inference, data, progress and cancel.

import { LabError } from '../errors/lab-error'
import { withSessionOptions } from '../onnx/session-options'
import type { Model } from '../model/model'
import { verifyGraph, verifyInterface } from '../model/verify-graph'
import { withoutWeightInputs } from '../model/weight-inputs'
import { seededRng } from '../numeric/rng'
import type { TechniqueSpec } from '../options/spec'
import type { Catalog } from '../recipe/parse-recipe'
import { targetText, type TargetId } from '../recipe/target'
import type { Recipe, RecipeCalibration, RecipeStep } from '../recipe/recipe'
import type { PassContext } from './pass-context'
import type { Note, PassResult, SessionOptions } from './technique'

/** Techniques as the runner sees them: their options were parsed against the same catalogue. */
type AnyApply = (model: Model, options: never, context: PassContext) => Promise<PassResult>
export interface Techniques {
  readonly catalog: Catalog
  readonly passes: Readonly<Record<string, AnyApply>>
}

export interface RecipeHost extends Pick<PassContext, 'checkpoint' | 'infer' | 'calibration' | 'tasks'> {
  /** `fraction` 0…1 of the whole recipe. */
  progress(fraction: number, what: string): void
  /** Milliseconds of a steady clock. */
  now(): number
}

export interface StepReport {
  readonly technique: string
  readonly notes: readonly Note[]
  readonly durationMs: number
}

export interface RecipeResult {
  readonly model: Model
  /** The recipe as run, with the ranges that calibration found: it repeats the result without the data. */
  readonly recipe: Recipe
  readonly steps: readonly StepReport[]
  /** What the file should be opened with; empty for most. */
  readonly sessionOptions: SessionOptions
}

/** Throws what the techniques throw, `job/cancelled`, and `pass/invariant` when a technique leaves a broken graph (our bug). */
export async function runRecipe(
  model: Model,
  recipe: Recipe,
  techniques: Techniques,
  host: RecipeHost,
): Promise<RecipeResult> {
  const steps: StepReport[] = []
  // The recipe without steps only decodes and encodes.
  let current = recipe.steps.length > 0 ? withoutWeightInputs(model) : model
  let calibration = recipe.calibration
  let sessionOptions: SessionOptions = {}
  for (const [index, step] of recipe.steps.entries()) {
    await host.checkpoint()
    const start = host.now()
    const soFar = withCalibration(recipe, calibration)
    const result = await runStep(current, step, { index, recipe: soFar }, techniques, host)
    current = result.model
    sessionOptions = { ...sessionOptions, ...result.sessionOptions }
    calibration = mergeCalibration(calibration, result.calibration)
    steps.push({ technique: step.technique, notes: result.notes, durationMs: host.now() - start })
  }
  const asRun = withCalibration(recipe, calibration)
  const made = withTarget(withSessionOptions(current, sessionOptions), recipe.target)
  return { model: made, recipe: asRun, steps, sessionOptions }
}

/** The file itself says which engine it was written for and whether that was ever run. */
const withTarget = (model: Model, target: TargetId | undefined): Model =>
  target ? { ...model, metadata: new Map(model.metadata).set('lathe.target', targetText(target)) } : model

async function runStep(
  model: Model,
  step: RecipeStep,
  { index, recipe }: { readonly index: number; readonly recipe: Recipe },
  { catalog, passes }: Techniques,
  host: RecipeHost,
): Promise<PassResult> {
  const spec = catalog[step.technique]
  const apply = passes[step.technique]
  if (!spec || !apply) throw new LabError('recipe/unknown-technique', `There is no technique "${step.technique}".`)
  const context: PassContext = {
    checkpoint: () => host.checkpoint(),
    infer: host.infer,
    rng: seededRng(recipe.seed + index),
    progress: (fraction, what) => host.progress((index + fraction) / recipe.steps.length, `${spec.label}: ${what}`),
    ...(host.tasks && { tasks: host.tasks }),
    ...(host.calibration && { calibration: host.calibration }),
    ...(recipe.calibration && { ranges: recipe.calibration.ranges }),
  }
  host.progress(index / recipe.steps.length, spec.label)
  // The options came through `parseRecipe` with this very spec.
  const result = await apply(model, step.options as never, context)
  verifyStep(model, result.model, spec)
  host.progress((index + 1) / recipe.steps.length, spec.label)
  return result
}

function verifyStep(before: Model, after: Model, spec: TechniqueSpec): void {
  try {
    verifyGraph(after)
    if (spec.keeps.interface) verifyInterface(before, after)
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new LabError(
      'pass/invariant',
      `${spec.label} left a broken graph: ${what}`,
      { technique: spec.id },
      { cause },
    )
  }
}

const withCalibration = (recipe: Recipe, calibration: RecipeCalibration | undefined): Recipe =>
  calibration ? { ...recipe, calibration } : recipe

function mergeCalibration(
  stored: RecipeCalibration | undefined,
  found: RecipeCalibration | undefined,
): RecipeCalibration | undefined {
  return stored && found ? { ...found, ranges: { ...stored.ranges, ...found.ranges } } : (found ?? stored)
}
