// Every operator that ONNX and ONNX Runtime define has a rule that gives at least the element types of its outputs, so that no float tensor
// is passed over in silence. `tools/conformance/operator-types.py` read the types off the schemas.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import type { DType } from '../../src/core/model/dtype'
import { inferShapes } from '../../src/core/model/infer-shapes'
import type { Model } from '../../src/core/model/model'
import type { ValueType } from '../../src/core/model/shape'
import { buildModel, node } from '../fixtures/build-model'

interface Operator {
  readonly domain: string
  readonly op: string
  readonly since: number
  /** A data type, or the kind of something else. */
  readonly inputs: readonly string[]
  /** Null where an attribute decides. */
  readonly outputs: readonly (string | null)[]
}

const { operators } = JSON.parse(readFileSync(new URL('operator-types.json', import.meta.url), 'utf8')) as {
  readonly operators: readonly Operator[]
}

/** The first two hold a program of a device's own, the third reads a map, which inference does not look into. */
const OPAQUE: ReadonlySet<string> = new Set(['EPContext', 'Snpe', 'DictVectorizer'])

/** A body says what comes out, or (`Adam`) groups of inputs belong together; here are none. */
const NEEDS_MORE: ReadonlySet<string> = new Set(['Loop', 'Scan', 'SequenceMap', 'Adam'])

function typeOf(text: string): ValueType {
  if (text === 'sequence' || text === 'optional') return { kind: text, element: { kind: 'tensor', dtype: 'float32' } }
  if (text === 'other') return { kind: 'other' }
  return { kind: text === 'sparse' ? 'sparse' : 'tensor', dtype: (text === 'sparse' ? 'float32' : text) as DType }
}

const describeType = (type: ValueType | undefined): string =>
  type?.kind === 'tensor' ? type.dtype : (type?.kind ?? 'nothing')

function modelOf({ domain, op, since, inputs, outputs }: Operator): Model {
  const names = inputs.map((_, at) => `i${at}`)
  const made = node(
    op,
    names,
    outputs.map((_, at) => `o${at}`),
    {},
    domain,
  )
  const model = buildModel({
    opset: domain === '' ? since : 17,
    domains: domain === '' ? {} : { [domain]: since },
    nodes: [made],
  })
  const infos = inputs.map((text, at) => ({ name: `i${at}`, type: typeOf(text) }))
  return { ...model, graph: { ...model.graph, inputs: infos } }
}

test('every operator but opaque ones has a rule', () => {
  const without = operators.filter((one) => inferShapes(modelOf(one)).unknownOps.length > 0)
  expect(new Set(without.map(({ op }) => op))).toEqual(OPAQUE)
  expect(operators.length).toBeGreaterThan(340)
})

const checked = operators.filter(({ op }) => !OPAQUE.has(op) && !NEEDS_MORE.has(op))

test('the outputs of an optimizer are its tensors and states', () => {
  const adam = { domain: 'ai.onnx.preview.training', op: 'Adam', since: 1 }
  const inputs = ['float32', 'int64', 'float32', 'float64', ...new Array<string>(6).fill('float32')]
  const model = modelOf({
    ...adam,
    inputs,
    outputs: ['float32', 'float64', 'float32', 'float64', 'float32', 'float64'],
  })
  const types = inferShapes(model)
  expect([0, 1, 2, 3, 4, 5].map((at) => describeType(types.type(`o${at}`)))).toEqual([
    'float32',
    'float64',
    'float32',
    'float64',
    'float32',
    'float64',
  ])
})

test.each(checked)('$domain $op of version $since gives the types that its schema states', (one) => {
  const types = inferShapes(modelOf(one))
  const got = one.outputs.map((expected, at) => (expected === null ? null : describeType(types.type(`o${at}`))))
  expect(got).toEqual(one.outputs)
})
