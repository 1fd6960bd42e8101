// Conformance C43, what preparation owes to a quantizer: a model with every trap at once is prepared, answers as before, and shows each
// weight where a quantizer looks for it.

import { expect, test } from 'vitest'

import type { Model } from '../../src/core/model/model'
import { verifyGraph, verifyInterface } from '../../src/core/model/verify-graph'
import { seededRng } from '../../src/core/numeric/rng'
import { defaultOptions } from '../../src/core/options/parse-options'
import { catalog } from '../../src/techniques/catalog'
import { passes } from '../../src/techniques/passes'
import { buildGraph, buildModel, node, tensor } from '../fixtures/build-model'
import { floats, numbersOf, runModel } from '../fixtures/run-model'
import { testContext } from '../fixtures/test-context'

const rng = seededRng(43)
const weight = (...dims: readonly number[]) =>
  tensor(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 2 * rng.next() - 1),
  )

const branch = (seedName: string, opType: string) =>
  buildGraph({
    name: seedName,
    outputs: { out: ['float32', [2, 4]] },
    // The same names with other numbers, as exporters write them.
    initializers: { own: weight(4, 4) },
    nodes: [node('MatMul', ['hidden', 'own'], ['t']), node(opType, ['t'], ['out'])],
  })

const unnamed = (...parts: Parameters<typeof node>) => ({ ...node(...parts), name: '' })

const TRAPS: Model = buildModel({
  inputs: { x: ['float32', [2, 3]], on: ['bool', []], override: ['float32', [4]] },
  outputs: { y: ['float32', [2, 4]] },
  initializers: { aliased: weight(4, 4), override: weight(4), bias: weight(4) },
  nodes: [
    node('Constant', [], ['constant'], { value: { kind: 'tensor', value: weight(3, 4) } }),
    node('Identity', ['aliased'], ['alias']),
    unnamed('MatMul', ['x', 'constant'], ['product']),
    unnamed('Add', ['product', 'override'], ['shifted']),
    unnamed('MatMul', ['shifted', 'alias'], ['second']),
    unnamed('Add', ['second', 'bias'], ['hidden']),
    node('If', ['on'], ['y'], {
      then_branch: { kind: 'graph', value: branch('then', 'Relu') },
      else_branch: { kind: 'graph', value: branch('else', 'Neg') },
    }),
  ],
})

async function prepared(): Promise<Model> {
  const folded = await passes['fold-constants'](TRAPS, defaultOptions(catalog['fold-constants'].options), testContext())
  const options = defaultOptions(catalog['simplify-graph'].options)
  return (await passes['simplify-graph'](folded.model, options, testContext())).model
}

test('names, defaults, constants and aliases are as a quantizer expects them', async () => {
  const model = await prepared()
  verifyGraph(model)
  verifyInterface(TRAPS, model)
  const { nodes, initializers } = model.graph
  expect(nodes.map(({ opType, inputs }) => [opType, ...inputs])).toEqual([
    ['MatMul', 'x', 'constant'],
    // A default that a caller may override is no constant bias.
    ['Add', 'product', 'override'],
    ['Gemm', 'shifted', 'aliased', 'bias'],
    ['If', 'on'],
  ])
  expect([...initializers.keys()].sort()).toEqual(['aliased', 'bias', 'constant', 'override'])
  const names = nodes.map(({ name }) => name)
  expect(names).not.toContain('')
  expect(new Set(names).size).toBe(names.length)
})

test.each([0, 1])('equal names in two branches keep their own weights (%i)', async (on) => {
  const feeds = {
    x: floats([2, 3], [1, -2, 3, -4, 5, -6]),
    on: { dtype: 'bool', dims: [], data: Uint8Array.of(on) } as const,
    override: floats([4], [9, 8, 7, 6]),
  }
  const model = await prepared()
  expect(numbersOf(await runModel(model, feeds, 'disabled'), 'y')).toEqual(
    numbersOf(await runModel(TRAPS, feeds, 'disabled'), 'y'),
  )
})
