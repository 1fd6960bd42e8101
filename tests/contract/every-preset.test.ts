// Every built-in recipe on a small network with convolutions: it runs, the engine takes the file, and the answers stay close.

import { expect, test } from 'vitest'

import { runRecipe, type RecipeHost } from '../../src/core/pass/run-recipe'
import { measureError } from '../../src/core/numeric/error-metrics'
import type { CalibrationData } from '../../src/core/pass/pass-context'
import { NOT_RUN, TARGETS } from '../../src/core/recipe/target'
import { catalog } from '../../src/techniques/catalog'
import { passes } from '../../src/techniques/passes'
import { presetRecipe } from '../../src/techniques/preset-recipe'
import { presets, type PresetName } from '../../src/techniques/presets'
import { runModel, testInference } from '../fixtures/run-model'
import { SMALL_MODELS } from '../fixtures/small-models'

const [small] = SMALL_MODELS
if (!small) throw new Error('There is no small model.')
const { model, feeds } = small
const calibration: CalibrationData = { source: 'test', size: 8, sample: (index) => Promise.resolve(feeds(index)) }
const host: RecipeHost = {
  checkpoint: () => Promise.resolve(),
  infer: testInference,
  calibration,
  progress: () => undefined,
  now: () => 0,
}
/** Networks of four bits lose more than those of eight. */
const LEAST_DB: Partial<Record<PresetName, number>> = { 'int4-weights': 12 }

test.each(Object.keys(presets) as PresetName[])(
  '%s gives a model that runs and answers like the original',
  async (name) => {
    const recipe = presetRecipe(name)
    const { model: made } = await runRecipe(model, recipe, { catalog, passes }, host)
    for (const optimization of ['disabled', 'all'] as const) {
      const [truth, got] = [await runModel(model, feeds(0), 'disabled'), await runModel(made, feeds(0), optimization)]
      for (const [output, { data, dtype }] of Object.entries(truth)) {
        if (dtype !== 'float32') continue
        const { sqnrDb } = measureError(Array.from(data, Number), Array.from(got[output]?.data ?? [], Number))
        expect(sqnrDb, `${output}, optimization ${optimization}`).toBeGreaterThan(LEAST_DB[name] ?? 20)
      }
    }
  },
)

test('a file for an engine that was not run says so itself', async () => {
  for (const name of ['tensorrt', 'ort-x64'] as const) {
    const recipe = presetRecipe(name)
    expect(recipe.target).toBe(name)
    const { model: made } = await runRecipe(model, recipe, { catalog, passes }, host)
    const said = made.metadata.get('lathe.target')
    expect(said).toBe(TARGETS[name].isRun ? TARGETS[name].label : `${TARGETS[name].label}: ${NOT_RUN}`)
  }
})
