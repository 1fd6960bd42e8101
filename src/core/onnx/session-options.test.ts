import { expect, test } from 'vitest'

import { buildModel, node } from '../../../tests/fixtures/build-model'
import { joinParts } from '../numeric/join-parts'
import type { Model } from '../model/model'
import { encodeParts } from './encode-parts'
import { readSessionOptions, withSessionOptions } from './session-options'

const model = buildModel({
  inputs: { x: ['float32', [2]] },
  outputs: { y: ['float32', [2]] },
  nodes: [node('Relu', ['x'], ['y'])],
})
const FLOAT_WEIGHTS = { 'session.disable_quant_qdq': '1' }
const read = (made: Model) => readSessionOptions(joinParts(encodeParts(made)))

test('options come back from the bytes of the file', () => {
  expect(read(model)).toEqual({})
  expect(read(withSessionOptions(model, FLOAT_WEIGHTS))).toEqual(FLOAT_WEIGHTS)
})

test('a later step wins, and a default leaves no trace', () => {
  const weights = withSessionOptions(model, FLOAT_WEIGHTS)
  expect(read(withSessionOptions(weights, { 'session.qdqisint8allowed': '1' }))).toEqual({
    ...FLOAT_WEIGHTS,
    'session.qdqisint8allowed': '1',
  })
  expect(withSessionOptions(weights, { 'session.disable_quant_qdq': '0' })).toEqual(model)
  expect(withSessionOptions(model, { 'session.disable_quant_qdq': '0' })).toBe(model)
})

test.each([
  '{"session.disable_quant_qdq":"1"',
  '[1]',
  'null',
  '{"session.log_severity_level":"0"}',
  '{"session.disable_quant_qdq":1}',
])('what a strange file says is not believed: %s', (text) => {
  const strange = { ...model, metadata: new Map([['lathe.session_options', text]]) }
  expect(read(strange)).toEqual({})
})

test('bytes that are no ONNX file have none', () => {
  expect(readSessionOptions(new Uint8Array([1, 2, 3]))).toEqual({})
  expect(readSessionOptions(new Uint8Array(0))).toEqual({})
})
