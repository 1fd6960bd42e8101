// Raising the opset of ONNX's own operator cases and of whole networks leaves every bit of the answers, or is refused with the operator that
// cannot be raised.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { onnxOpset } from '../../src/core/model/model'
import { verifyGraph, verifyInterface } from '../../src/core/model/verify-graph'
import { withoutWeightInputs } from '../../src/core/model/weight-inputs'
import { joinParts } from '../../src/core/numeric/join-parts'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { MIN_OPSET } from '../../src/core/onnx/op-upgrades.table'
import { raiseOpset } from '../../src/core/onnx/raise-opset'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { compareRuns } from './operator-case'

const engine = await createNodeEngine({ threads: 1 })
const fixtures = join(import.meta.dirname, '../fixtures')
const cases = readdirSync(join(fixtures, 'onnx-testdata'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, folder: join(fixtures, 'onnx-testdata', name), file: 'model.onnx' }))
const networks = ['tiny-bert', 'tiny-lstm', 'tiny-mobilenet', 'tiny-resnet', 'tiny-vit'].map((name) => ({
  name,
  folder: join(fixtures, 'models'),
  file: `${name}.onnx`,
}))

/** What cannot be raised. */
const REFUSED: Readonly<Record<string, RegExp>> = { scan_sum: /runs over a batch/ }
/** The newest opset of the table: every upgrade below it is on the way. */
const WANTED = 26
/** The last opset at which the engine of these tests knows the operator. */
const LAST_WITH_KERNEL: Readonly<Record<string, number>> = { roialign_aligned_false: 21 }

test.each([...cases, ...networks])('$name answers the same at a new opset', async ({ name, folder, file }) => {
  const bytes = new Uint8Array(readFileSync(join(folder, file)))
  const model = withoutWeightInputs(decodeModel(bytes))
  const wanted = LAST_WITH_KERNEL[name] ?? WANTED
  if (onnxOpset(model) >= wanted || onnxOpset(model) < MIN_OPSET) return
  const refusal = REFUSED[name]
  if (refusal) {
    expect(() => raiseOpset(model, wanted)).toThrow(
      expect.objectContaining({ code: 'model/unsupported', message: expect.stringMatching(refusal) }),
    )
    return
  }
  const raised = raiseOpset(model, wanted)
  expect(onnxOpset(raised)).toBe(wanted)
  verifyGraph(raised)
  verifyInterface(model, raised)
  const outcome = await compareRuns(engine, { folder }, bytes, joinParts(encodeParts(raised)))
  expect(outcome).not.toMatchObject({ kind: 'different' })
})
