// The search for the layers that a recipe hurts, as the page holds it: what it found, one tensor of it in detail, and the step back to float.

import { asLabError, isCancelled, type LabError } from '../../core/errors/lab-error'
import type { Recipe } from '../../core/recipe/recipe'
import { canonicalJson } from '../../core/recipe/recipe-key'
import { keepInFloat } from '../../sensitivity/keep-in-float'
import type { Sensitivity } from '../../sensitivity/sensitivity'
import type { TensorDetail, TensorName } from '../../sensitivity/tensor-detail'
import type { DatasetRef } from '../../../workers/host/protocol'
import type { Workspace } from './workspace.svelte'

export const SAMPLE_COUNTS = [16, 32, 64] as const
export type SampleCount = (typeof SAMPLE_COUNTS)[number]

interface Finding {
  readonly sensitivity: Sensitivity
  /** That was analysed. */
  readonly recipe: Recipe
  readonly data: DatasetRef
}

/** Runs of an activation that its histogram is made of: more change its shape little. */
const DETAIL_SAMPLES = 8

export class LayerSearch {
  readonly #workspace: Workspace
  #samples = $state<SampleCount>(32)
  #finding = $state.raw<Finding>()
  #detail = $state.raw<TensorDetail>()
  #wanted = $state.raw<TensorName>()
  #problem = $state.raw<LabError>()
  #kept = $state.raw<{ readonly before: Recipe; readonly after: Recipe }>()
  #abort: AbortController | undefined

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  get samples(): SampleCount {
    return this.#samples
  }
  set samples(count: SampleCount) {
    this.#samples = count
  }
  get finding(): Finding | undefined {
    return this.#finding
  }
  /** The tensor that was asked for, as soon as it is asked for. */
  get wanted(): TensorName | undefined {
    return this.#wanted
  }
  get detail(): TensorDetail | undefined {
    return this.#detail
  }
  /** Why the tensor could not be looked at. */
  get problem(): LabError | undefined {
    return this.#problem
  }
  /** What the search lacks: a step that can leave operators in float, or real data. */
  get missing(): 'step' | 'data' | undefined {
    const { recipe, calibration } = this.#workspace
    if (!recipe.steps.some(({ options }) => 'excludeNodes' in options)) return 'step'
    return calibration ? undefined : 'data'
  }
  /** The steps have changed since the search. */
  get isStale(): boolean {
    const steps = this.#finding?.recipe.steps
    return steps !== undefined && canonicalJson(steps) !== canonicalJson(this.#workspace.recipe.steps)
  }
  /** The recipe still has the step that was analysed. */
  get canKeep(): boolean {
    const { technique, stepIndex } = this.#finding?.sensitivity ?? {}
    return stepIndex !== undefined && this.#workspace.recipe.steps[stepIndex]?.technique === technique
  }
  /** Operators that the recipe keeps in float at present. */
  get kept(): readonly string[] {
    const stepIndex = this.#finding?.sensitivity.stepIndex ?? -1
    const names = this.#workspace.recipe.steps[stepIndex]?.options['excludeNodes']
    return Array.isArray(names) ? (names as readonly string[]) : []
  }
  /** The recipe is still as `keep` left it. */
  get canUndo(): boolean {
    return this.#kept !== undefined && this.#kept.after === this.#workspace.recipe
  }

  async run(): Promise<void> {
    const { model, calibration: data, recipe, compressor } = this.#workspace
    if (!model || !data || this.missing) return
    this.#forget()
    await this.#workspace.race('finding-layers', async (signal, progress) => {
      const request = { modelId: model.loaded.model.id, recipe, data, samples: this.#samples }
      this.#finding = { sensitivity: await compressor.sensitivity(request, { signal, progress }), recipe, data }
    })
  }

  /** Leaves operators of the analysed step in float: the recipe of the workspace changes, nothing runs yet. */
  keep(names: readonly string[]): void {
    const finding = this.#finding
    if (!finding || !this.canKeep) return
    const before = this.#workspace.recipe
    const after = keepInFloat(before, finding.sensitivity.stepIndex, names)
    this.#kept = { before, after }
    this.#workspace.useRecipe(after)
  }

  undo(): void {
    if (this.#kept && this.canUndo) this.#workspace.useRecipe(this.#kept.before)
  }

  /** Looks at one tensor, beside everything else: it takes no more than a few inferences. The last question wins. */
  async look(tensor: TensorName): Promise<void> {
    const finding = this.#finding
    const { model, compressor } = this.#workspace
    if (!finding || !model || this.#workspace.isBusy) return
    this.#abort?.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.#wanted = tensor
    this.#detail = undefined
    this.#problem = undefined
    const { calibration } = finding.sensitivity
    const recipe = { ...finding.recipe, ...(calibration && { calibration }) }
    const modelId = model.loaded.model.id
    const request = { modelId, recipe, data: finding.data, samples: DETAIL_SAMPLES, tensor }
    try {
      const detail = await compressor.tensorDetail(request, { signal: abort.signal })
      if (this.#abort === abort) this.#detail = detail
    } catch (error) {
      if (this.#abort === abort && !isCancelled(error)) this.#problem = asLabError(error)
    }
  }

  #forget(): void {
    this.#abort?.abort()
    this.#finding = this.#detail = this.#wanted = this.#problem = this.#kept = undefined
  }
}
