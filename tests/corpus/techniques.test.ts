// Every technique that needs no data on ONNX's own operator tests: whatever the operator, the result keeps the rules of ONNX and still runs
// where the original did. How close the answers must be is the contract suite's business; here they must not be of another kind.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { LabError } from '../../src/core/errors/lab-error'
import type { Model } from '../../src/core/model/model'
import { verifyGraph } from '../../src/core/model/verify-graph'
import { withoutWeightInputs } from '../../src/core/model/weight-inputs'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { defaultOptions } from '../../src/core/options/parse-options'
import type { OptionSpecs } from '../../src/core/options/spec'
import type { PassContext } from '../../src/core/pass/pass-context'
import type { PassResult } from '../../src/core/pass/technique'
import { joinParts } from '../../src/core/numeric/join-parts'
import { catalog } from '../../src/techniques/catalog'
import { passes } from '../../src/techniques/passes'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { testContext } from '../fixtures/test-context'
import { compareRuns } from './operator-case'

/** Largest difference of an output; those of the cases are of the order of 1. */
const TOLERANCE = 0.05
/** What a technique may say instead of giving a model. */
const REFUSALS = ['model/unsupported', 'pass/not-applicable']

const root = join(import.meta.dirname, '../fixtures/onnx-testdata')
const cases = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
const engine = await createNodeEngine({ threads: 1 })

type AnyApply = (model: Model, options: unknown, context: PassContext) => Promise<PassResult>
const techniques = Object.entries(catalog)
  .filter(([, spec]) => !spec.needs.calibration)
  .map(([id, { options }]) => ({
    id,
    options: defaultOptions(options as OptionSpecs),
    apply: passes[id as keyof typeof passes] as AnyApply,
  }))

describe.each(techniques)('$id', ({ options, apply }) => {
  test.each(cases)('leaves %s in order', async (name) => {
    const folder = join(root, name)
    const bytes = new Uint8Array(readFileSync(join(folder, 'model.onnx')))
    const model = withoutWeightInputs(decodeModel(bytes))
    const result = await apply(model, options, testContext()).catch((error: unknown) => error)
    if (result instanceof LabError) return expect(REFUSALS).toContain(result.code)
    const { model: changed } = result as PassResult
    if (changed === model) return
    verifyGraph(changed)
    const outcome = await compareRuns(engine, { folder }, bytes, joinParts(encodeParts(changed)))
    if (outcome.kind === 'different') expect(outcome.difference, outcome.reason).toBeLessThan(TOLERANCE)
  })
})
