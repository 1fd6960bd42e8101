// The door for recipes: JSON data in, a recipe with all options filled in out, or an error with the path of what is wrong.

import {
  array,
  finite,
  integer,
  literal,
  maxValue,
  minValue,
  number,
  object,
  optional,
  picklist,
  pipe,
  record,
  safeParse,
  strictObject,
  string,
  tuple,
  unknown,
} from 'valibot'

import { LabError } from '../errors/lab-error'
import { parseOptions, parseRecord } from '../options/parse-options'
import type { TechniqueSpec } from '../options/spec'
import { RECIPE_VERSION, type Recipe } from './recipe'
import { TARGET_IDS } from './target'

const bound = pipe(number(), finite())
const recipeSchema = strictObject({
  version: literal(RECIPE_VERSION),
  seed: optional(pipe(number(), integer(), minValue(0), maxValue(2 ** 32 - 1)), 0),
  steps: array(strictObject({ technique: string(), options: optional(unknown()) })),
  calibration: optional(
    strictObject({
      source: string(),
      indices: array(pipe(number(), integer(), minValue(0))),
      ranges: record(string(), tuple([bound, bound])),
    }),
  ),
  target: optional(picklist(TARGET_IDS)),
})
const versionSchema = object({ version: number() })

/** Known techniques by id. */
export type Catalog = Readonly<Record<string, TechniqueSpec>>

/**
 * Throws `recipe/newer-version`, `recipe/unknown-technique` (with the list of known ones), `options/invalid` or
 * `recipe/invalid`; `details.path` names the place, such as `steps[1].options.bits`.
 */
export function parseRecipe(raw: unknown, catalog: Catalog): Recipe {
  parseRecord(raw, 'recipe')
  const version = safeParse(versionSchema, raw)
  if (version.success && version.output.version > RECIPE_VERSION) {
    const message = `The recipe has version ${version.output.version}, this Lathe reads up to ${RECIPE_VERSION}.`
    throw new LabError('recipe/newer-version', message, { path: 'version' })
  }
  const parsed = safeParse(recipeSchema, raw)
  if (!parsed.success) {
    const [issue] = parsed.issues
    const path = (issue.path ?? [])
      .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
      .join('')
    const place = path.replace(/^\./, '') || 'recipe'
    throw new LabError(
      'recipe/invalid',
      `${place} is ${issue.received}, expected ${issue.expected ?? issue.message}.`,
      {
        path: place,
        expected: issue.expected ?? issue.message,
      },
    )
  }
  const { seed, steps, calibration, target } = parsed.output
  return {
    version: RECIPE_VERSION,
    seed,
    steps: steps.map((step, index) => ({
      technique: step.technique,
      options: parseOptions(specOf(step.technique, index, catalog).options, step.options, `steps[${index}].options`),
    })),
    ...(calibration && { calibration }),
    ...(target && { target }),
  }
}

/** Reads recipe text. Throws `recipe/invalid` when it is not JSON, else as `parseRecipe`. */
export function parseRecipeText(text: string, catalog: Catalog): Recipe {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    throw new LabError('recipe/invalid', `The recipe is not JSON: ${(cause as Error).message}.`, {}, { cause })
  }
  return parseRecipe(raw, catalog)
}

function specOf(technique: string, index: number, catalog: Catalog): TechniqueSpec {
  const spec = Object.hasOwn(catalog, technique) ? catalog[technique] : undefined
  if (spec) return spec
  const known = Object.keys(catalog)
  const message = `steps[${index}].technique is "${technique}", expected one of ${known.map((id) => `"${id}"`).join(', ')}.`
  throw new LabError('recipe/unknown-technique', message, { path: `steps[${index}].technique`, expected: known })
}
