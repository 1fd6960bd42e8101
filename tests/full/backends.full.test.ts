// The backend matrix: every file that the recipes make of the zoo and of the fixture models, on every engine in headless Chromium. A file
// must give the answers of the reference engine (the engine check of docs/measuring.md), or be refused by name.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { parseEngine } from '../../src/cli/engine-name'
import type { Laboratory } from '../../src/cli/laboratory'
import { openLaboratory } from '../../src/cli/open-laboratory'
import { openModels } from '../../src/cli/open-model'
import { asLabError, type LabError } from '../../src/core/errors/lab-error'
import { dataNeed } from '../../src/core/options/spec'
import type { Catalog } from '../../src/core/recipe/parse-recipe'
import type { EngineFacts } from '../../src/engines/engine'
import type { EngineCheck } from '../../src/measure/engine-check'
import { catalog } from '../../src/techniques/catalog'
import { presetRecipe } from '../../src/techniques/preset-recipe'
import { presets, type PresetName } from '../../src/techniques/presets'
import { ZOO_MODELS, type ZooModelId } from '../../src/zoo/catalog'
import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { buildLathe } from '../cli/run-lathe'
import { makeVariants, type Variant } from './variants'

const folder = mkdtempSync(join(tmpdir(), 'lathe-backends-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(buildLathe)

const ENGINES = ['ort-wasm:1', 'ort-wasm:2', 'ort-webgpu'] as const
/** Inputs of a check. A GPU in software takes seconds for each. */
const SAMPLES = { 'ort-wasm': 4, 'ort-webgpu': 1 } as const
const techniques: Catalog = catalog
const NONE = { needs: { calibration: false, opset: 1 } }
const RECIPES = Object.keys(presets) as PresetName[]
const WITHOUT_DATA = RECIPES.filter((recipe) =>
  presetRecipe(recipe).steps.every(
    ({ technique, options }) => dataNeed(techniques[technique] ?? NONE, options) === 'nothing',
  ),
)
const SILENT = { show: () => undefined, note: () => undefined, end: () => undefined }

interface Case {
  readonly name: string
  /** As on the command line. */
  readonly model: string
  readonly recipes: readonly PresetName[]
  /** Absent where inputs are synthetic. */
  readonly evaluation?: string
  readonly calibration?: string
}

const zooCase = (id: ZooModelId): Case => ({
  name: id,
  model: `zoo:${id}`,
  recipes: RECIPES,
  evaluation: `zoo:${ZOO_MODELS[id].datasetId}`,
  calibration: `zoo:${ZOO_MODELS[id].calibrationId}`,
})
const fixtureCase = (name: string): Case => {
  return { name, model: join(REPOSITORY, `tests/fixtures/models/${name}.onnx`), recipes: WITHOUT_DATA }
}
const CASES: readonly Case[] = [
  ...(Object.keys(ZOO_MODELS) as ZooModelId[]).map(zooCase),
  ...['tiny-bert', 'tiny-vit', 'tiny-lstm', 'tiny-mobilenet', 'tiny-resnet'].map(fixtureCase),
]
/** Of the fixtures; tiny-bert has 64 positions. */
const FREE_DIMENSIONS = { batch: 1, sequence: 32 }

/** `right`, `wrong`, or the code of the error. */
type Outcome = string

interface KnownMismatch {
  readonly applies: (tested: {
    readonly name: string
    readonly recipe: PresetName
    readonly facts: EngineFacts
  }) => boolean
  readonly outcome: Outcome
}
/** Everything that is not right, each with its reason. */
const KNOWN: readonly KnownMismatch[] = [
  // A GPU without 16-bit arithmetic cannot run the file; ONNX Runtime says so when it compiles the first shader.
  {
    applies: ({ recipe, facts }) => recipe === 'fp16' && facts.adapter?.hasFloat16 === false,
    outcome: 'model/unsupported',
  },
]

const describeCheck = ({ outputs }: EngineCheck): string =>
  outputs
    .filter(({ ok }) => !ok)
    .map(({ name, reason, maxAbs, tolerance }) => `"${name}" is ${reason}: off by ${maxAbs}, allowed ${tolerance}`)
    .join(', ')

/** Checks all variants; `notes` says what was not right. */
async function checkAll(laboratory: Laboratory, variants: readonly Variant[], samples: number) {
  const outcomes: Partial<Record<PresetName, Outcome>> = {}
  const notes: string[] = []
  for (const [index, { recipe }] of variants.entries()) {
    const check: EngineCheck | LabError = await laboratory.engineCheck(index, samples).catch(asLabError)
    outcomes[recipe] = 'code' in check ? check.code : check.ok ? 'right' : 'wrong'
    if (outcomes[recipe] !== 'right') notes.push(`${recipe}: ${'code' in check ? check.message : describeCheck(check)}`)
  }
  return { outcomes, notes }
}

describe.each(CASES)('$name', ({ name, model, recipes, evaluation, calibration }) => {
  let variants: readonly Variant[]
  beforeAll(async () => {
    variants = await makeVariants({ model, data: calibration, folder }, recipes)
  })

  // Nothing is timed, so the engines may share the cores.
  test.concurrent.for(ENGINES)(
    '%s gives the answers of the reference engine, or a named error',
    async (engine, { skip }) => {
      const choice = parseEngine(engine)
      const laboratory = await openLaboratory(
        {
          engine: choice,
          models: await openModels(
            variants.map(({ path }) => path),
            REPOSITORY,
          ),
          data: evaluation,
          freeDimensions: evaluation === undefined ? FREE_DIMENSIONS : {},
          seed: 0,
          repository: REPOSITORY,
          progress: SILENT,
        },
        'browser',
      )
      try {
        const started = await laboratory.start().catch(asLabError)
        if ('code' in started) {
          if (started.code === 'engine/unavailable') skip(started.message)
          throw started
        }
        const { facts } = started
        expect(facts.threads).toBe(choice.threads)
        const { outcomes, notes } = await checkAll(laboratory, variants, SAMPLES[choice.engine])
        if (notes.length > 0) console.log([`${basename(name)} on ${engine}`, ...notes].join('\n'))
        const expected = recipes.map((recipe) => {
          return [recipe, KNOWN.find(({ applies }) => applies({ name, recipe, facts }))?.outcome ?? 'right']
        })
        expect(outcomes).toEqual(Object.fromEntries(expected))
      } finally {
        await laboratory.close()
      }
    },
  )
})
