import { expect, test } from 'vitest'

import { float, type Attribute } from '../model/node'
import { viewAs } from '../model/tensor'
import { verifyGraph, verifyInterface } from '../model/verify-graph'
import { seededRng } from '../numeric/rng'
import type { TensorValue } from '../pass/tensor-value'
import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { raiseOpset } from './raise-opset'

const noise = (...dims: readonly number[]): TensorValue => {
  const rng = seededRng(dims.length)
  return floats(
    dims,
    Array.from({ length: dims.reduce((product, dim) => product * dim, 1) }, () => rng.normal()),
  )
}
const list = (...value: readonly number[]): Attribute => ({ kind: 'floats', value })

interface Case {
  readonly opset: number
  readonly op: string
  readonly attributes?: Parameters<typeof node>[3]
  /** Shape of the float input `x`. */
  readonly shape: readonly number[]
  readonly outputs?: readonly string[]
}

/** Each operator that changes on the way, in the forms that old files use. */
const CASES: Readonly<Record<string, Case>> = {
  'Unsqueeze with axes': { opset: 11, op: 'Unsqueeze', attributes: { axes: [0, -1] }, shape: [3, 4] },
  'Squeeze with axes': { opset: 11, op: 'Squeeze', attributes: { axes: [-2] }, shape: [3, 1, 4] },
  'Squeeze of every 1': { opset: 11, op: 'Squeeze', shape: [1, 3, 1] },
  'ReduceSum with axes': { opset: 11, op: 'ReduceSum', attributes: { axes: [1], keepdims: 0 }, shape: [2, 3, 4] },
  'ReduceSum over all': { opset: 11, op: 'ReduceSum', shape: [2, 3, 4] },
  'ReduceMean with axes': { opset: 13, op: 'ReduceMean', attributes: { axes: [-1] }, shape: [2, 3, 4] },
  'ReduceL2 with axes': { opset: 17, op: 'ReduceL2', attributes: { axes: [0] }, shape: [2, 3] },
  'ReduceMax over all': { opset: 13, op: 'ReduceMax', attributes: { keepdims: 0 }, shape: [2, 3] },
  'Softmax over the last axis': { opset: 11, op: 'Softmax', attributes: { axis: 2 }, shape: [2, 3, 4] },
  'Softmax over rows of several axes': { opset: 11, op: 'Softmax', shape: [2, 3, 4] },
  'Softmax over one axis with ones behind': { opset: 11, op: 'Softmax', shape: [2, 5, 1, 1] },
  'Softmax over everything': { opset: 9, op: 'Softmax', attributes: { axis: 0 }, shape: [2, 3] },
  'LogSoftmax over rows of several axes': { opset: 12, op: 'LogSoftmax', attributes: { axis: -2 }, shape: [2, 3, 4] },
  'Hardmax over rows of several axes': { opset: 11, op: 'Hardmax', shape: [2, 3, 4] },
  'Clip with both bounds': { opset: 7, op: 'Clip', attributes: { min: float(-0.5), max: float(0.25) }, shape: [9] },
  'Clip with an upper bound': { opset: 7, op: 'Clip', attributes: { max: float(0.25) }, shape: [9] },
  'Clip without bounds': { opset: 10, op: 'Clip', shape: [9] },
  'Pad with a value': { opset: 7, op: 'Pad', attributes: { pads: [1, 0, 0, 2], value: float(1.5) }, shape: [2, 3] },
  'Pad by reflection': {
    opset: 10,
    op: 'Pad',
    attributes: { pads: [0, 1, 0, 1], mode: 'reflect' },
    shape: [2, 3],
  },
  'Slice with axes': { opset: 9, op: 'Slice', attributes: { starts: [1], ends: [3], axes: [1] }, shape: [2, 4] },
  'Slice without axes': { opset: 7, op: 'Slice', attributes: { starts: [0, -2], ends: [1, 9] }, shape: [2, 4] },
  'Split into stated parts': {
    opset: 11,
    op: 'Split',
    attributes: { axis: 1, split: [1, 3] },
    shape: [2, 4],
    outputs: ['y', 'z'],
  },
  'Split into equal parts': { opset: 11, op: 'Split', attributes: { axis: 1 }, shape: [2, 4], outputs: ['y', 'z'] },
  TopK: { opset: 9, op: 'TopK', attributes: { k: 2 }, shape: [2, 5], outputs: ['y', 'z'] },
  'Dropout in use': { opset: 7, op: 'Dropout', attributes: { ratio: float(0.25) }, shape: [2, 5] },
  'Upsample by the nearest': {
    opset: 7,
    op: 'Upsample',
    attributes: { mode: 'nearest', scales: list(1, 1, 2, 3) },
    shape: [1, 2, 3, 3],
  },
  'Upsample by interpolation': {
    opset: 7,
    op: 'Upsample',
    attributes: { mode: 'linear', scales: list(1, 1, 2, 2.5) },
    shape: [1, 2, 4, 4],
  },
  DFT: { opset: 17, op: 'DFT', attributes: { axis: 1 }, shape: [1, 8, 1] },
}

/** `y` (and `z`) of one node, of any type and shape. */
function parts({ op, opset, shape, outputs = ['y'], attributes: values }: Case): ModelParts {
  const isIndex = (name: string): boolean => op === 'TopK' && name === 'z'
  const types = outputs.map((name) => [name, [isIndex(name) ? 'int64' : 'float32']] as const)
  return {
    opset,
    inputs: { x: ['float32', shape] },
    outputs: Object.fromEntries(types),
    nodes: [node(op, ['x'], outputs, values)],
  }
}

test.each(Object.entries(CASES))('%s computes the same at opsets 13 and 21', async (_, one) => {
  const model = buildModel(parts(one))
  const feeds = { x: noise(...one.shape) }
  const expected = await runModel(model, feeds)
  for (const wanted of [13, 21]) {
    const raised = raiseOpset(model, wanted)
    verifyGraph(raised)
    verifyInterface(model, raised)
    expect(await runModel(raised, feeds)).toEqual(expected)
  }
})

test('GridSample, RoiAlign and BatchNormalization compute the same', async () => {
  const grid = buildModel({
    opset: 16,
    inputs: { x: ['float32', [1, 1, 4, 4]], g: ['float32', [1, 2, 2, 2]] },
    outputs: { y: ['float32'] },
    nodes: [node('GridSample', ['x', 'g'], ['y'], { mode: 'bicubic' })],
  })
  const boxes = buildModel({
    opset: 15,
    inputs: { x: ['float32', [1, 1, 8, 8]] },
    outputs: { y: ['float32'] },
    initializers: { boxes: tensor('float32', [1, 4], [0.5, 1, 6, 7]), batch: tensor('int64', [1], [0]) },
    nodes: [node('RoiAlign', ['x', 'boxes', 'batch'], ['y'], { output_height: 2, output_width: 2 })],
  })
  const one = tensor('float32', [2], [1, 2])
  const normalized = buildModel({
    opset: 8,
    inputs: { x: ['float32', [1, 2, 3]] },
    outputs: { y: ['float32'] },
    initializers: { scale: one, bias: one, mean: one, variance: one },
    nodes: [node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'variance'], ['y'], { spatial: 1 })],
  })
  const runs = [
    { model: grid, feeds: { x: noise(1, 1, 4, 4), g: noise(1, 2, 2, 2) } },
    { model: boxes, feeds: { x: noise(1, 1, 8, 8) } },
    { model: normalized, feeds: { x: noise(1, 2, 3) } },
  ]
  for (const { model, feeds } of runs) {
    expect(await runModel(raiseOpset(model, 21), feeds)).toEqual(await runModel(model, feeds))
  }
})

test('the scales of GroupNormalization are repeated for the channels of their group', async () => {
  const model = buildModel({
    opset: 18,
    inputs: { x: ['float32', [2, 6, 3]] },
    outputs: { y: ['float32', [2, 6, 3]] },
    initializers: { scale: tensor('float32', [2], [2, -0.5]), shift: tensor('float32', [2], [0.25, 3]) },
    nodes: [node('GroupNormalization', ['x', 'scale', 'shift'], ['y'], { num_groups: 2 })],
  })
  const raised = raiseOpset(model, 21)
  const numbers = [...raised.graph.initializers.values()].map(
    ({ data }) => data.kind === 'bytes' && [...viewAs(data.bytes, Float32Array)],
  )
  expect(numbers.slice(2)).toEqual([
    [2, 2, 2, -0.5, -0.5, -0.5],
    [0.25, 0.25, 0.25, 3, 3, 3],
  ])
  const x = noise(2, 6, 3)
  const got = numbersOf(await runModel(raised, { x }), 'y')
  numbersOf(await runModel(model, { x }), 'y').forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5))
})

test('an input that opset 6 lined up with an axis is added where it was', async () => {
  const model = buildModel({
    opset: 6,
    inputs: { x: ['float32', [2, 3, 4]] },
    outputs: { y: ['float32', [2, 3, 4]] },
    initializers: { b: tensor('float32', [3], [10, 20, 30]) },
    nodes: [node('Add', ['x', 'b'], ['y'], { broadcast: 1, axis: 1 })],
  })
  const x = noise(2, 3, 4)
  const got = numbersOf(await runModel(raiseOpset(model, 13), { x }), 'y')
  const expected = numbersOf({ x }, 'x').map((value, i) => Math.fround(value + 10 * (1 + (Math.floor(i / 4) % 3))))
  expect(got).toEqual(expected)
})

test('nodes in bodies are raised, with their constants in the body and free names', async () => {
  const body = (axes: readonly number[], name: string) => ({
    kind: 'graph' as const,
    value: buildGraph({
      name,
      outputs: { [name]: ['float32'] },
      nodes: [node('Unsqueeze', ['x'], [name], { axes })],
    }),
  })
  const model = buildModel({
    opset: 11,
    inputs: { x: ['float32', [2]], c: ['bool', []] },
    outputs: { y: ['float32'] },
    // Takes the name that the first idea would be.
    initializers: { a_axes: tensor('float32', [1], [0]) },
    nodes: [node('If', ['c'], ['y'], { then_branch: body([0], 'a'), else_branch: body([1], 'b') })],
  })
  const raised = raiseOpset(model, 13)
  verifyGraph(raised)
  for (const c of [0, 1]) {
    const feeds = { x: noise(2), c: { dtype: 'bool', dims: [], data: Uint8Array.of(c) } as const }
    expect(await runModel(raised, feeds)).toEqual(await runModel(model, feeds))
  }
})

test('function bodies are raised with constants as nodes', async () => {
  const model = buildModel({
    opset: 11,
    irVersion: 8,
    domains: { own: 1 },
    inputs: { x: ['float32', [2]] },
    outputs: { y: ['float32'] },
    nodes: [node('Wrap', ['x'], ['y'], {}, 'own')],
    functions: [
      {
        name: 'Wrap',
        domain: 'own',
        overload: '',
        inputs: ['x'],
        outputs: ['y'],
        opsets: new Map([['', 11]]),
        nodes: [node('Unsqueeze', ['x'], ['y'], { axes: [1] })],
      },
    ],
  })
  const raised = raiseOpset(model, 13)
  verifyGraph(raised)
  expect(raised.functions[0]?.opsets.get('')).toBe(13)
  const feeds = { x: noise(2) }
  expect(await runModel(raised, feeds)).toEqual(await runModel(model, feeds))
})

test('a model that is high enough is returned as it is, and versions follow the release table', () => {
  const model = buildModel({ opset: 13, outputs: {}, nodes: [] })
  expect(raiseOpset(model, 13)).toBe(model)
  expect(raiseOpset(model, 11)).toBe(model)
  expect(raiseOpset(model, 21)).toMatchObject({ irVersion: 10, opsets: new Map([['', 21]]) })
  expect(raiseOpset({ ...model, irVersion: 13 }, 19).irVersion).toBe(13)
})

interface Refused {
  readonly opset: number
  readonly nodes: ModelParts['nodes']
  readonly message: RegExp
  readonly reached: number
}

const REFUSED: Readonly<Record<string, Refused>> = {
  'BatchNormalization in training': {
    opset: 9,
    nodes: [node('BatchNormalization', ['x', 'x', 'x', 'x', 'x'], ['y', 'mean'])],
    message: /cannot be raised to opset 14: its statistics are outputs/,
    reached: 14,
  },
  'a mask of Dropout': {
    opset: 7,
    nodes: [node('Dropout', ['x'], ['y', 'mask'])],
    message: /its mask changes/,
    reached: 10,
  },
  GroupNormalization: {
    opset: 18,
    nodes: [node('GroupNormalization', ['x', 'x', 'x'], ['y'], { num_groups: 1 })],
    message: /one scale per group and the number of channels is not known/,
    reached: 21,
  },
  'Scan over a batch': { opset: 8, nodes: [node('Scan', ['', 'x'], ['y'])], message: /runs over a batch/, reached: 9 },
  'Clip of a value of unknown type': {
    opset: 10,
    nodes: [node('Mystery', ['x'], ['t']), node('Clip', ['t'], ['y'], { min: float(0) })],
    message: /the type of its input is not known/,
    reached: 11,
  },
  'Resize that may shrink': {
    opset: 10,
    nodes: [node('Resize', ['x', 's'], ['y'])],
    message: /it may shrink/,
    reached: 11,
  },
}

test.each(Object.entries(REFUSED))(
  '%s is refused by node, operator and opset',
  (_, { opset, nodes, message, reached }) => {
    const inputs = { x: ['float32', [2]], s: ['float32', [1]] } as const
    const model = buildModel({ opset, inputs, outputs: { y: ['float32'] }, nodes })
    const last = nodes.at(-1)
    expect(() => raiseOpset(model, 21)).toThrow(
      expect.objectContaining({
        code: 'model/unsupported',
        message: expect.stringMatching(message),
        details: { node: last?.name, op: last?.opType, opset: reached },
      }),
    )
  },
)

test('opsets beyond the table are refused', () => {
  const at = (opset: number) => buildModel({ opset, outputs: {}, nodes: [] })
  const refusal = (opset: number, expected: number): unknown =>
    expect.objectContaining({ code: 'model/unsupported', details: { opset, expected } })
  expect(() => raiseOpset(at(5), 13)).toThrow(refusal(5, 13))
  expect(() => raiseOpset(at(13), 27)).toThrow(refusal(13, 27))
})

test('weights of an old file, listed as inputs there, stay constants that nobody can override', () => {
  const parts: ModelParts = {
    opset: 8,
    inputs: { x: ['float32', [2]], w: ['float32', [2]] },
    outputs: { y: ['float32', [2]] },
    initializers: { w: tensor('float32', [2], [1, 2]) },
    nodes: [node('Add', ['x', 'w'], ['y'])],
  }
  const inputsOf = (irVersion: number): string[] =>
    raiseOpset(buildModel({ ...parts, irVersion }), 13).graph.inputs.map(({ name }) => name)
  expect(inputsOf(3)).toEqual(['x'])
  expect(inputsOf(4)).toEqual(['x', 'w'])
})
