import { expect, test } from 'vitest'

import {
  buildGraph,
  buildModel,
  node,
  tensor,
  type GraphParts,
  type ModelParts,
} from '../../../tests/fixtures/build-model'
import type { ModelFunction } from './model'
import type { Attribute } from './node'
import type { Tensor } from './tensor'
import { verifyGraph, verifyInterface } from './verify-graph'

const x = { x: ['float32', [2]] } as const
const y = { y: ['float32', [2]] } as const
const weight = tensor('float32', [2], [1, 2])
const body = (parts: GraphParts): Attribute => ({ kind: 'graph', value: buildGraph(parts) })
const branches = (then: GraphParts, otherwise = then) => ({ then_branch: body(then), else_branch: body(otherwise) })
const relu: ModelParts = { inputs: x, outputs: y, nodes: [node('Relu', ['x'], ['y'])] }

const double: ModelFunction = {
  name: 'Double',
  domain: 'own',
  overload: '',
  inputs: ['a'],
  outputs: ['b'],
  opsets: new Map([['', 17]]),
  nodes: [node('Add', ['a', 'a'], ['b'])],
}
const calling: ModelParts = {
  inputs: x,
  outputs: y,
  domains: { own: 1 },
  nodes: [node('Double', ['x'], ['y'], {}, 'own')],
}

const VALID: Readonly<Record<string, ModelParts>> = {
  'a chain': relu,
  'nodes in any order': {
    inputs: x,
    outputs: y,
    nodes: [node('Relu', ['t'], ['y']), node('Relu', ['x'], ['t'])],
  },
  'an initializer that gives an input its default': { ...relu, initializers: { x: weight } },
  'omitted inputs and outputs': {
    inputs: x,
    outputs: y,
    nodes: [node('Clip', ['x', '', ''], ['y', '', '', ''])],
  },
  'a body that reads values made outside, later in the list': {
    inputs: x,
    outputs: y,
    nodes: [
      node('If', ['c'], ['y'], branches({ outputs: { r: ['float32'] }, nodes: [node('Relu', ['x'], ['r'])] })),
      node('Cast', ['x'], ['c']),
    ],
  },
  'the same names in both branches': {
    inputs: { ...x, c: ['bool', []] },
    outputs: y,
    nodes: [node('If', ['c'], ['y'], branches({ outputs: { r: ['float32'] }, nodes: [node('Relu', ['x'], ['r'])] }))],
  },
  'an output that is an input': { inputs: x, outputs: x, nodes: [] },
  'a function': { ...calling, functions: [double] },
}

test.each(Object.entries(VALID))('%s is valid', (_, parts) => {
  expect(() => verifyGraph(buildModel(parts))).not.toThrow()
})

const broken = (change: Partial<Tensor>): ModelParts => ({ ...relu, initializers: { w: { ...weight, ...change } } })
const inBranch = (parts: GraphParts): ModelParts => ({
  inputs: { ...x, c: ['bool', []] },
  outputs: y,
  nodes: [
    node('If', ['c'], ['y'], branches({ outputs: { r: ['float32'] }, nodes: [node('Relu', ['x'], ['r'])] }, parts)),
  ],
})

const INVALID: Readonly<Record<string, readonly [ModelParts, RegExp, Readonly<Record<string, unknown>>]>> = {
  'two nodes that make one value': [
    { inputs: x, outputs: y, nodes: [node('Relu', ['x'], ['y']), node('Abs', ['x'], ['y'])] },
    /"y" is defined twice, the second time as output of node y/,
    { tensor: 'y' },
  ],
  'a node that makes an input': [{ ...relu, inputs: { ...x, ...y } }, /"y" is defined twice/, { tensor: 'y' }],
  'a node that makes an initializer': [
    { ...relu, initializers: { y: weight } },
    /"y" is defined twice/,
    { tensor: 'y' },
  ],
  'a read of nothing': [
    { inputs: x, outputs: y, nodes: [node('Add', ['x', 'z'], ['y'])] },
    /Node y \(Add\) reads "z", which nothing in graph "graph" defines/,
    { node: 'y', op: 'Add', tensor: 'z' },
  ],
  'a read of a value that only a body has': [
    { ...inBranch({ outputs: { r: ['float32'] }, nodes: [node('Relu', ['x'], ['r'])] }), outputs: { r: ['float32'] } },
    /The output "r" of graph "graph" is made by no node/,
    { tensor: 'r' },
  ],
  'a cycle': [
    { inputs: x, outputs: y, nodes: [node('Add', ['x', 'y'], ['t']), node('Relu', ['t'], ['y'])] },
    /cycle through t/,
    { node: 't' },
  ],
  'a cycle through a body': [
    {
      inputs: { c: ['bool', []] },
      outputs: y,
      nodes: [
        node('If', ['c'], ['t'], branches({ outputs: { r: ['float32'] }, nodes: [node('Relu', ['y'], ['r'])] })),
        node('Relu', ['t'], ['y']),
      ],
    },
    /cycle through t/,
    { node: 't' },
  ],
  'a node without an operator': [
    { inputs: x, outputs: y, nodes: [node('', ['x'], ['y'])] },
    /Node y in graph "graph" has no operator/,
    { node: 'y' },
  ],
  'a domain without an opset': [
    { inputs: x, outputs: y, nodes: [node('Gelu', ['x'], ['y'], {}, 'com.microsoft')] },
    /Node y \(Gelu\) is of the domain "com.microsoft", whose opset/,
    { node: 'y', domain: 'com.microsoft' },
  ],
  'too few bytes': [broken({ dims: [3] }), /holds 8 bytes, expected 12/, { tensor: 'w', expected: 12 }],
  'a negative dimension': [broken({ dims: [-2, -1] }), /has the dimension -2/, { tensor: 'w' }],
  'numbers called strings': [broken({ dtype: 'string' }), /holds bytes, which is not its type/, { tensor: 'w' }],
  'a broken body': [
    inBranch({ name: 'else', outputs: { r: ['float32'] }, nodes: [node('Add', ['x', 'q'], ['r'])] }),
    /reads "q", which nothing in graph "else" of node y defines/,
    { tensor: 'q' },
  ],
  'a broken tensor of a Constant': [
    {
      outputs: y,
      nodes: [node('Constant', [], ['y'], { value: { kind: 'tensor', value: { ...weight, dims: [5] } } })],
    },
    /of node y holds 8 bytes, expected 20/,
    { expected: 20 },
  ],
  'a function defined twice': [
    { ...calling, functions: [double, double] },
    /"Double" of domain "own" is defined twice/,
    {},
  ],
  'a function that returns nothing it made': [
    { ...calling, functions: [{ ...double, outputs: ['c'] }] },
    /The output "c" of function "Double" is made by no node/,
    { tensor: 'c' },
  ],
  'a function that reads from outside': [
    { ...calling, functions: [{ ...double, nodes: [node('Add', ['a', 'x'], ['b'])] }] },
    /reads "x", which nothing in function "Double" defines/,
    { tensor: 'x' },
  ],
}

test.each(Object.entries(INVALID))('%s is refused', (_, [parts, message, details]) => {
  expect(() => verifyGraph(buildModel(parts))).toThrow(
    expect.objectContaining({
      code: 'model/invalid',
      message: expect.stringMatching(message),
      details: expect.objectContaining(details),
    }),
  )
})

test('a model without an opset is refused', () => {
  expect(() => verifyGraph({ ...buildModel(relu), opsets: new Map() })).toThrow(/imports no opset/)
})

test('the interface is names, order and types of inputs and outputs; defaults do not count', () => {
  const model = buildModel(relu)
  const verify = (parts: Partial<ModelParts>) => () => verifyInterface(model, buildModel({ ...relu, ...parts }))
  expect(verify({ nodes: [node('Abs', ['x'], ['y'])] })).not.toThrow()
  expect(verify({ inputs: { ...x, w: ['float32', [2]] }, initializers: { w: weight } })).not.toThrow()
  expect(verify({ inputs: { x: ['float16', [2]] } })).toThrow(
    /input 0 of the model is "x" \(float16 \[2\]\), expected "x" \(float32 \[2\]\)/,
  )
  expect(verify({ inputs: { x: ['float32', ['n']] } })).toThrow(/"x" \(float32 \[n\]\)/)
  expect(verify({ inputs: {} })).toThrow(/input 0 of the model is nothing/)
  expect(verify({ outputs: { z: ['float32', [2]] } })).toThrow(/output 0 of the model is "z"/)
})
