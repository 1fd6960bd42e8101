import { describe, expect, it } from 'vitest'

import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { SMALL_MODELS } from '../../../tests/fixtures/small-models'
import { extractSubgraph } from './extract-subgraph'
import { inferShapes } from './infer-shapes'
import type { Model } from './model'
import { verifyGraph } from './verify-graph'

const weights = tensor('float32', [2], [10, 20])
const model = buildModel({
  inputs: { x: ['float32', ['n', 2]], unused: ['float32', [1]] },
  outputs: { y: ['float32', ['n', 2]], z: ['float32', ['n', 2]] },
  initializers: { w: weights, other: tensor('float32', [2], [1, 1]) },
  valueInfos: { a: ['float32', ['n', 2]] },
  nodes: [
    node('Add', ['x', 'w'], ['a']),
    node('Relu', ['a'], ['b']),
    node('Mul', ['a', 'b'], ['y']),
    node('Add', ['b', 'other'], ['z']),
  ],
})
const names = ({ graph }: Model) => ({
  nodes: graph.nodes.map(({ name }) => name),
  inputs: graph.inputs.map(({ name }) => name),
  outputs: graph.outputs.map(({ name }) => name),
  weights: [...graph.initializers.keys()],
})

describe('cutting a model', () => {
  it('keeps only what leads to a value, its weights by reference, and types what the file does not', () => {
    const cut = extractSubgraph(model, { to: ['b'], types: inferShapes(model) })
    expect(names(cut)).toEqual({ nodes: ['a', 'b'], inputs: ['x'], outputs: ['b'], weights: ['w'] })
    expect(cut.graph.initializers.get('w')).toBe(model.graph.initializers.get('w'))
    expect(cut.graph.outputs[0]?.type).toMatchObject({ kind: 'tensor', dtype: 'float32', shape: ['n', 2] })
  })

  it('starts from inner values instead of inputs', async () => {
    const cut = extractSubgraph(model, { from: ['a', 'z'], to: ['y', 'b'], types: inferShapes(model) })
    expect(names(cut)).toEqual({ nodes: ['b', 'y'], inputs: ['a'], outputs: ['y', 'b'], weights: [] })
    const outputs = await runModel(cut, { a: floats([1, 2], [-3, 4]) })
    expect([numbersOf(outputs, 'y'), numbersOf(outputs, 'b')]).toEqual([
      [-0, 16],
      [0, 4],
    ])
  })

  it('keeps a value that is read inside and handed out', () => {
    const cut = extractSubgraph(model, { to: ['a', 'y'], types: inferShapes(model) })
    expect(names(cut)).toMatchObject({ nodes: ['a', 'b', 'y'], outputs: ['a', 'y'] })
    expect(cut.graph.valueInfos.has('a')).toBe(false)
  })

  it('keeps what bodies capture', () => {
    const body = (op: string) =>
      buildGraph({ outputs: { r: ['float32', [1]] }, nodes: [node(op, ['captured', 'w'], ['r'])] })
    const outer = buildModel({
      inputs: { on: ['bool', []], x: ['float32', [1]] },
      outputs: { y: ['float32', [1]] },
      initializers: { w: tensor('float32', [1], [2]) },
      nodes: [
        node('Relu', ['x'], ['captured']),
        node('If', ['on'], ['chosen'], {
          then_branch: { kind: 'graph', value: body('Add') },
          else_branch: { kind: 'graph', value: body('Mul') },
        }),
        node('Relu', ['chosen'], ['y']),
      ],
    })
    const types = inferShapes(outer)
    expect(names(extractSubgraph(outer, { to: ['chosen'], types }))).toEqual({
      ...{ nodes: ['captured', 'chosen'], inputs: ['on', 'x'], outputs: ['chosen'], weights: ['w'] },
    })
    expect(names(extractSubgraph(outer, { from: ['captured'], to: ['chosen'], types })).inputs).toEqual([
      'on',
      'captured',
    ])
  })

  it('takes one output of a node from outside and computes the other', async () => {
    const split = buildModel({
      inputs: { x: ['float32', [4]] },
      outputs: { y: ['float32', [2]] },
      nodes: [node('Split', ['x'], ['a', 'b']), node('Add', ['a', 'b'], ['y'])],
    })
    const cut = extractSubgraph(split, { from: ['a'], to: ['y'], types: inferShapes(split) })
    const outputs = await runModel(cut, { x: floats([4], [1, 2, 3, 4]), a: floats([2], [10, 20]) })
    expect(numbersOf(outputs, 'y')).toEqual([13, 24])
  })

  it('names a value that nothing makes', () => {
    const types = inferShapes(model)
    expect(() => extractSubgraph(model, { to: ['w'], types })).toThrow(/makes "w"/)
    expect(() => extractSubgraph(model, { from: ['a'], to: ['a'], types })).toThrow(/makes "a"/)
  })

  it.each(SMALL_MODELS)('gives the very values of the whole: $name', async ({ model, feeds }) => {
    const types = inferShapes(model)
    const made = model.graph.nodes
      .filter(({ opType }) => opType !== 'Constant')
      .flatMap(({ outputs }) => outputs.slice(0, 1))
    const middle = made[Math.floor(made.length / 2)] ?? ''
    const head = extractSubgraph(model, { to: [middle], types })
    verifyGraph(head)
    const value = await runModel(head, feeds(0), 'disabled')
    const outputs = model.graph.outputs.map(({ name }) => name).filter((name) => name !== middle)
    const tail = extractSubgraph(model, { from: [middle], to: outputs, types })
    verifyGraph(tail)
    const whole = await runModel(model, feeds(0), 'disabled')
    const rest = await runModel(tail, { ...feeds(0), ...value }, 'disabled')
    expect({ ...value, ...rest }).toMatchObject(whole)
  })
})
