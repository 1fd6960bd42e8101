import { describe, expect, test } from 'vitest'

import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import type { Model } from '../../core/model/model'
import { tensorBytes } from '../../core/model/tensor'
import { verifyGraph } from '../../core/model/verify-graph'
import { defaultOptions } from '../../core/options/parse-options'
import type { OptionsOf } from '../../core/options/spec'
import type { NamedValues } from '../../core/pass/tensor-value'
import { apply } from './apply'
import { spec } from './spec'
import { opTypes } from '../../../tests/fixtures/op-types'

const fold = async (model: Model, options: Partial<OptionsOf<typeof spec.options>> = {}) => {
  const result = await apply(model, { ...defaultOptions(spec.options), ...options }, testContext())
  verifyGraph(result.model)
  return result
}
const X: NamedValues = { x: floats([2, 3], [1, -2, 3, 4, 5, -6]) }
const model = (parts: Partial<ModelParts> & Pick<ModelParts, 'nodes'>): Model =>
  buildModel({ inputs: { x: ['float32', [2, 3]] }, outputs: { y: ['float32'] }, ...parts })

async function sameAnswers(before: Model, after: Model, feeds: NamedValues = X): Promise<void> {
  const [expected, got] = [await runModel(before, feeds, 'disabled'), await runModel(after, feeds, 'disabled')]
  expect(got).toEqual(expected)
}

describe('constants', () => {
  const chain = model({
    initializers: { w: tensor('float32', [3, 2], [1, 2, 3, 4, 5, 6]), s: tensor('float32', [], [0.1]) },
    nodes: [
      node('Transpose', ['w'], ['t'], { perm: [1, 0] }),
      node('Mul', ['t', 's'], ['m']),
      node('Add', ['x', 'm'], ['y']),
    ],
  })

  test('a chain of constant operators becomes one weight, with the bits that the operators give at run time', async () => {
    const { model: folded, notes } = await fold(chain)
    expect(opTypes(folded)).toEqual(['Add'])
    expect([...folded.graph.initializers.keys()]).toEqual(['m'])
    expect(notes).toEqual([{ kind: 'changed', text: 'Computed ahead of time: 1 Transpose, 1 Mul.' }])
    await sameAnswers(chain, folded)
  })

  test('a constant output of the graph becomes a Constant node of the same name', async () => {
    const constant = model({
      outputs: { y: ['float32'], z: ['int64'] },
      initializers: { k: tensor('int64', [2], [3, 4]) },
      nodes: [node('Relu', ['x'], ['y']), node('Neg', ['k'], ['z'])],
    })
    const { model: folded } = await fold(constant)
    expect(opTypes(folded).sort()).toEqual(['Constant', 'Relu'])
    await sameAnswers(constant, folded)
  })

  test('optional inputs that are left out count as constant', async () => {
    const clipped = model({
      initializers: { w: tensor('float32', [3], [-9, 0, 9]), high: tensor('float32', [], [1]) },
      nodes: [node('Clip', ['w', '', 'high'], ['c']), node('Add', ['x', 'c'], ['y'])],
    })
    const { model: folded } = await fold(clipped)
    expect(opTypes(folded)).toEqual(['Add'])
    await sameAnswers(clipped, folded)
  })

  test('a result that is larger than allowed stays an operator, and so does what is made of it', async () => {
    const grown = model({
      initializers: { one: tensor('float32', [1], [1]), size: tensor('int64', [2], [2000, 3]) },
      nodes: [
        node('Expand', ['one', 'size'], ['e']),
        node('Neg', ['e'], ['n']),
        node('Concat', ['x', 'n'], ['y'], { axis: 0 }),
      ],
    })
    const { model: kept, notes } = await fold(grown, { maxGrowthKb: 20 })
    expect(opTypes(kept)).toEqual(['Expand', 'Neg', 'Concat'])
    expect(notes).toContainEqual({
      kind: 'skipped',
      subject: 'e',
      text: 'Stays an operator: its result would take 24000 bytes, what it is made of takes 20.',
    })
    expect(opTypes((await fold(grown, { maxGrowthKb: 24 })).model)).toEqual(['Concat'])
  })

  test('a size that only the run reveals is held against the same limit', async () => {
    const picked = model({
      inputs: { x: ['float32', [1, 3000]] },
      initializers: { mask: tensor('bool', [1, 3000], new Uint8Array(3000).fill(1)) },
      nodes: [node('NonZero', ['mask'], ['n']), node('Transpose', ['n'], ['t']), node('GatherND', ['x', 't'], ['y'])],
    })
    const { model: kept, notes } = await fold(picked, { maxGrowthKb: 44 })
    expect(opTypes(kept)).toEqual(['NonZero', 'Transpose', 'GatherND'])
    expect(notes.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['skipped', 'n'],
      ['skipped', 't'],
    ])
    const { model: folded } = await fold(picked, { maxGrowthKb: 45 })
    expect(opTypes(folded)).toEqual(['GatherND'])
    await sameAnswers(picked, folded, {
      x: floats(
        [1, 3000],
        Float32Array.from({ length: 3000 }, (_, i) => i),
      ),
    })
  })

  test('results of a weight that others still read count as growth in full, and each byte set free counts once', async () => {
    const weight = tensor(
      'float32',
      [3, 1000],
      Float32Array.from({ length: 3000 }, (_, i) => i),
    )
    const sliced = (others: readonly ReturnType<typeof node>[]): Model =>
      model({
        inputs: { x: ['float32', [1, 1000]] },
        initializers: { w: weight },
        nodes: [
          node('Split', ['w'], ['a', 'b', 'c'], { axis: 0 }),
          ...others,
          node('Sum', ['x', 'a', 'b', 'c', ...others.flatMap(({ outputs }) => outputs)], ['y']),
        ],
      })
    const options = { maxGrowthKb: 1 }
    expect(opTypes((await fold(sliced([]), options)).model)).toEqual(['Sum'])
    expect(opTypes((await fold(sliced([node('Add', ['x', 'w'], ['d'])]), options)).model)).toEqual([
      'Split',
      'Add',
      'Sum',
    ])
    expect(opTypes((await fold(sliced([node('Neg', ['w'], ['d'])]), options)).model)).toEqual(['Split', 'Neg', 'Sum'])
  })

  test('a weight that a caller may override is no constant', async () => {
    const overridable = model({
      inputs: { x: ['float32', [2, 3]], w: ['float32', [3]] },
      initializers: { w: tensor('float32', [3], [1, 2, 3]) },
      nodes: [node('Neg', ['w'], ['n']), node('Add', ['x', 'n'], ['y'])],
    })
    expect((await fold(overridable)).model).toBe(overridable)
  })

  test('DequantizeLinear of stored integers stays: folding it would undo compression', async () => {
    const quantized = model({
      initializers: { q: tensor('int8', [3], [1, 2, 3]), s: tensor('float32', [], [0.5]) },
      nodes: [node('DequantizeLinear', ['q', 's'], ['w']), node('Add', ['x', 'w'], ['y'])],
    })
    expect((await fold(quantized)).model).toBe(quantized)
  })

  test('random operators stay random', async () => {
    const noisy = model({
      initializers: { w: tensor('float32', [3], [1, 2, 3]) },
      nodes: [node('RandomNormalLike', ['w'], ['r']), node('Add', ['x', 'r'], ['y'])],
    })
    expect((await fold(noisy)).model).toBe(noisy)
  })

  test('what the engine cannot compute stays, with its reason, and the rest is folded', async () => {
    const odd = model({
      initializers: { w: tensor('float32', [3], [1, 2, 3]), bad: tensor('int64', [1], [7]) },
      nodes: [
        node('Reshape', ['w', 'bad'], ['r']),
        node('Neg', ['w'], ['n']),
        node('Add', ['x', 'n'], ['a']),
        node('Add', ['a', 'r'], ['y']),
      ],
    })
    const { model: folded, notes } = await fold(odd)
    expect(opTypes(folded)).toEqual(['Reshape', 'Add', 'Add'])
    expect(notes).toContainEqual(expect.objectContaining({ kind: 'skipped', subject: 'r' }))
  })

  test('constants inside the body of an If are computed, with weights from outside', async () => {
    const branch = (opType: string) =>
      buildGraph({
        outputs: { inner: ['float32', [2, 3]] },
        nodes: [node(opType, ['w'], ['k']), node('Add', ['x', 'k'], ['inner'])],
      })
    const nested = model({
      inputs: { x: ['float32', [2, 3]], on: ['bool', []] },
      initializers: { w: tensor('float32', [3], [1, -2, 3]) },
      nodes: [
        node('If', ['on'], ['y'], {
          then_branch: { kind: 'graph', value: branch('Neg') },
          else_branch: { kind: 'graph', value: branch('Abs') },
        }),
      ],
    })
    const { model: folded } = await fold(nested)
    const then = folded.graph.nodes[0]?.attributes.get('then_branch')
    expect(then?.kind === 'graph' && then.value.nodes.map(({ opType }) => opType)).toEqual(['Add'])
    for (const value of [0, 1]) {
      await sameAnswers(nested, folded, { ...X, on: { dtype: 'bool', dims: [], data: Uint8Array.of(value) } })
    }
  })
})

describe('shapes', () => {
  const reshaped = model({
    inputs: { x: ['float32', ['batch', 3, 2]] },
    initializers: {
      one: tensor('int64', [], [1]),
      two: tensor('int64', [1], [2]),
      minus: tensor('int64', [1], [-1]),
      zero: tensor('int64', [1], [0]),
    },
    nodes: [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'one'], ['rows']),
      node('Unsqueeze', ['rows', 'zero'], ['rows1']),
      node('Concat', ['minus', 'rows1', 'two'], ['target'], { axis: 0 }),
      node('Reshape', ['x', 'target'], ['y']),
    ],
  })
  const feeds = { x: floats([2, 3, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) }

  test('a size that the file states becomes a number, even where another size is free', async () => {
    const { model: folded } = await fold(reshaped)
    expect(opTypes(folded)).toEqual(['Reshape'])
    await sameAnswers(reshaped, folded, feeds)
  })

  test('arithmetic on known sizes needs no engine', async () => {
    const noEngine = { open: () => Promise.reject(new Error('no engine')) }
    const divided = model({
      inputs: { x: ['float32', ['batch', 6]] },
      outputs: { y: ['int64'], z: ['int32'] },
      initializers: { one: tensor('int64', [], [1]), four: tensor('int64', [], [-4]), axes: tensor('int64', [1], [0]) },
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Gather', ['s', 'one'], ['width']),
        node('Div', ['width', 'four'], ['part']),
        node('Unsqueeze', ['part', 'axes'], ['y']),
        node('Cast', ['part'], ['z'], { to: 6 }),
      ],
    })
    const { model: folded } = await apply(divided, defaultOptions(spec.options), testContext({ infer: noEngine }))
    expect(opTypes(folded)).toEqual(['Constant', 'Constant'])
    const outputs = await runModel(folded, { x: floats([1, 6], [1, 2, 3, 4, 5, 6]) })
    expect([numbersOf(outputs, 'y'), numbersOf(outputs, 'z')]).toEqual([[-1], [-1]])
  })

  test('they stay when told so', async () => {
    expect((await fold(reshaped, { foldShapes: false })).model).toBe(reshaped)
  })

  test('a free size stays an operator', async () => {
    const free = model({
      inputs: { x: ['float32', ['batch', 3]] },
      outputs: { y: ['int64'] },
      initializers: { zero: tensor('int64', [], [0]) },
      nodes: [node('Shape', ['x'], ['s']), node('Gather', ['s', 'zero'], ['y'])],
    })
    expect((await fold(free)).model).toBe(free)
  })

  test('Size and a range of a shape are known, too', async () => {
    const sized = model({
      outputs: { y: ['int64'], z: ['int64'] },
      nodes: [node('Size', ['x'], ['y']), node('Shape', ['x'], ['z'], { start: -1 })],
    })
    const { model: folded } = await fold(sized)
    expect(opTypes(folded)).toEqual(['Constant', 'Constant'])
    const outputs = await runModel(folded, X)
    expect([numbersOf(outputs, 'y'), numbersOf(outputs, 'z')]).toEqual([[6], [3]])
  })
})

describe('operators that do nothing', () => {
  test('Identity, Dropout, Cast to the same type and a Concat of one go, and the names of outputs stay', async () => {
    const padded = model({
      nodes: [
        node('Identity', ['x'], ['a']),
        node('Dropout', ['a'], ['b', 'mask']),
        node('Relu', ['b'], ['c']),
        node('Cast', ['c'], ['d'], { to: 1 }),
        node('Concat', ['d'], ['e'], { axis: 0 }),
        node('Transpose', ['e'], ['f'], { perm: [0, 1] }),
        node('Identity', ['f'], ['y']),
      ],
    })
    const { model: folded, notes } = await fold(padded)
    expect(folded.graph.nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, ...outputs])).toEqual([
      ['Relu', 'x', 'y'],
    ])
    expect(notes[0]?.text).toBe('Dropped: 2 Identity, 1 Dropout, 1 Cast, 1 Concat, 1 Transpose.')
    await sameAnswers(padded, folded)
  })

  test('operators that no output depends on go, with their weights', async () => {
    const dead = model({
      initializers: { w: tensor('float32', [3], [1, 2, 3]) },
      nodes: [node('Relu', ['x'], ['y']), node('Mul', ['x', 'w'], ['unused']), node('Exp', ['unused'], ['unused2'])],
    })
    const { model: folded } = await fold(dead)
    expect([opTypes(folded), folded.graph.initializers.size]).toEqual([['Relu'], 0])
  })

  test('an Identity between an input and an output stays: both have names that callers know', async () => {
    const through = model({ nodes: [node('Identity', ['x'], ['y'])] })
    expect((await fold(through)).model).toBe(through)
  })

  test('two outputs with the same value keep a node each', async () => {
    const twice = model({
      outputs: { y: ['float32'], z: ['float32'] },
      nodes: [node('Relu', ['x'], ['a']), node('Identity', ['a'], ['y']), node('Identity', ['a'], ['z'])],
    })
    const { model: folded } = await fold(twice)
    expect(opTypes(folded)).toEqual(['Relu', 'Identity'])
    await sameAnswers(twice, folded)
  })

  test('a Dropout that trains, or whose mask is read, stays', async () => {
    const training = model({
      initializers: { ratio: tensor('float32', [], [0.5]), on: tensor('bool', [], [1]) },
      nodes: [node('Dropout', ['x', 'ratio', 'on'], ['y'])],
    })
    const masked = model({
      outputs: { y: ['float32'], mask: ['bool'] },
      nodes: [node('Dropout', ['x'], ['y', 'mask'])],
    })
    expect((await fold(training)).model).toBe(training)
    expect((await fold(masked)).model).toBe(masked)
  })

  test('they stay when told so', async () => {
    const padded = model({ nodes: [node('Identity', ['x'], ['a']), node('Relu', ['a'], ['y'])] })
    expect((await fold(padded, { removeNoOps: false })).model).toBe(padded)
  })
})

test('folding twice gives the same bytes', async () => {
  const one = await fold(
    model({
      initializers: {
        w: tensor('float32', [2, 2], [0.1, 0.2, 0.3, 0.4]),
        r: tensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]),
      },
      nodes: [node('MatMul', ['w', 'r'], ['m']), node('Softmax', ['m'], ['s']), node('Add', ['x', 's'], ['y'])],
    }),
  )
  const two = await fold(one.model)
  expect(two.model).toBe(one.model)
  const weight = one.model.graph.initializers.get('s')
  expect(weight && tensorBytes(weight).byteLength).toBe(24)
})
