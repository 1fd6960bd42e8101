// Decoding and encoding must give back what the ONNX Python package wrote, to the byte, and change nothing that ONNX Runtime can see.
// `tests/studies/round-trip.study.ts` asks the same of every model at hand.

import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { verifyGraph } from '../../src/core/model/verify-graph'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { raiseOpset } from '../../src/core/onnx/raise-opset'
import { joinParts } from '../../src/core/numeric/join-parts'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { compareRuns, compareWithStated, type Outcome } from './operator-case'

const fixtures = join(import.meta.dirname, '../fixtures')
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, file)))
const engine = await createNodeEngine({ threads: 1 })

const cases = readdirSync(join(fixtures, 'onnx-testdata'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
const operatorFiles = cases.map((name) => `onnx-testdata/${name}/model.onnx`)
const codecFiles = readdirSync(join(fixtures, 'codec-models'))
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => `codec-models/${name}`)

const encoded = (bytes: Uint8Array): Uint8Array => joinParts(encodeParts(decodeModel(bytes)))
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

test('the corpus is there', () => {
  expect(cases.length).toBeGreaterThanOrEqual(60)
  expect(codecFiles).toHaveLength(6)
})

test.each([...operatorFiles, ...codecFiles])('%s comes back byte for byte', (file) => {
  const bytes = read(file)
  expect(isSame(encoded(bytes), bytes)).toBe(true)
})

test.each([...operatorFiles, ...codecFiles])('%s decodes to the same model after it was encoded', (file) => {
  const bytes = read(file)
  expect(decodeModel(encoded(bytes))).toEqual(decodeModel(bytes))
})

test.each([...operatorFiles, ...codecFiles])('%s means the same to the generated protobuf code afterwards', (file) => {
  // `toBinary` writes fields in number order and keeps the unknown ones, so equal bytes are equal messages.
  const canonical = (bytes: Uint8Array): Uint8Array => toBinary(ModelProtoSchema, fromBinary(ModelProtoSchema, bytes))
  const [before, after] = [read(file), encoded(read(file))].map(canonical)
  expect(before && after && isSame(before, after)).toBe(true)
})

test.each(operatorFiles)('%s keeps the rules of the graph', (file) => {
  expect(() => verifyGraph(decodeModel(read(file)))).not.toThrow()
})

/** What ONNX Runtime Web makes of the unchanged file, where that is not to run it. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  adam: /not a registered function/,
  cast_FLOAT_to_BFLOAT16: /unsupported data type: 16/,
  identity_opt: /sequence or a map/,
  if_opt: /sequence or a map/,
  if_seq: /sequence or a map/,
  loop13_seq: /sequence or a map/,
  loop16_seq_none: /sequence or a map/,
  optional_get_element_sequence: /sequence or a map/,
  optional_has_element_empty: /sequence or a map/,
  'pytorch-Linear': /implementation for Gemm\(6\)/,
  'pytorch-PReLU_2d_multiparam': /implementation for PRelu\(6\)/,
  'pytorch-operator-add_broadcast': /implementation for Add\(6\)/,
  sequence_map_add_1_sequence_1_tensor_expanded: /sequence or a map/,
  'simple-gradient_of_add': /not a registered function/,
  simple_rnn_batchwise: /layout == 1/,
}

test.each(cases)('%s gives the same outputs, bit for bit', async (name) => {
  const folder = join(fixtures, 'onnx-testdata', name)
  const bytes = read(`onnx-testdata/${name}/model.onnx`)
  const outcome = await compareRuns(engine, { folder }, bytes, encoded(bytes))
  const refused = REFUSED[name]
  const reason: unknown = refused && expect.stringMatching(refused)
  expect(outcome).toEqual(refused ? { kind: 'not-loaded', reason } : { kind: 'identical' })
})

/** Only where the operator itself has no place in the new opset. */
const NOT_RAISED: Readonly<Record<string, RegExp>> = {
  adam: /of opset 0/,
  scan_sum: /runs over a batch/,
}
/** The newest opset of the table: every upgrade below it is on the way. */
const RAISED_OPSET = 26
/** The last opset at which the engine of these tests knows the operator. */
const LAST_WITH_KERNEL: Readonly<Record<string, number>> = { roialign_aligned_false: 21 }
/** The stated outputs come from another framework. */
const TOLERANCE = 1e-4

test.each(cases)('%s gives the same outputs at a higher opset', async (name) => {
  const folder = join(fixtures, 'onnx-testdata', name)
  const bytes = read(`onnx-testdata/${name}/model.onnx`)
  const refused = NOT_RAISED[name]
  if (refused) {
    expect(() => raiseOpset(decodeModel(bytes), RAISED_OPSET)).toThrow(refused)
    return
  }
  const raised = raiseOpset(decodeModel(bytes), LAST_WITH_KERNEL[name] ?? RAISED_OPSET)
  verifyGraph(raised)
  const file = joinParts(encodeParts(raised))
  const outcome: Outcome = await compareRuns(engine, { folder }, bytes, file)
  if (outcome.kind !== 'not-loaded') expect(outcome).toEqual({ kind: 'identical' })
  else expect((await compareWithStated(engine, { folder }, file)) ?? 0).toBeLessThanOrEqual(TOLERANCE)
})

test('functions and sparse weights run the same after a round trip', async () => {
  for (const name of ['functions', 'sparse']) {
    const bytes = read(`codec-models/${name}.onnx`)
    const outcome = await compareRuns(engine, { folder: join(fixtures, 'codec-models') }, bytes, encoded(bytes))
    expect(outcome, name).toEqual({ kind: 'identical' })
  }
})
