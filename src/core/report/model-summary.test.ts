import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { decodeModel } from '../onnx/decode'
import type { Tensor } from '../model/tensor'
import { summarizeModel } from './model-summary'

const zeros = (dtype: 'float32' | 'int8' | 'uint8' | 'float16' | 'int32', dims: readonly number[]): Tensor =>
  tensor(dtype, dims, new Array<number>(dims.reduce((product, dim) => product * dim, 1)).fill(0))
const one = (dtype: 'float32' | 'uint8' | 'int8', dims: readonly number[] = []): Tensor => tensor(dtype, dims, [1])
const summarize = (parts: ModelParts) => summarizeModel(buildModel(parts), 1000)

function fixture(name: string, freeDimensions: Record<string, number> = {}) {
  const bytes = new Uint8Array(readFileSync(new URL(`../../../tests/fixtures/models/${name}.onnx`, import.meta.url)))
  return summarizeModel(decodeModel(bytes), bytes.length, { freeDimensions })
}

describe('a real BERT export', () => {
  const summary = fixture('tiny-bert', { batch: 1, sequence: 16 })
  const [width, inner, layers, length] = [32, 64, 2, 16]

  test('has the parameters of its layers; the exporter stores the equal layer-norm vectors once', () => {
    const norm = 2 * width
    const square = width * width + width
    const layer = 4 * square + norm + (width * inner + inner) + (inner * width + width) + norm
    const embeddings = (1000 + 64 + 2) * width + norm
    const sharedVectors = 8 * width
    expect(summary.parameters).toBe(embeddings + layers * layer + square - sharedVectors)
  })

  test('costs projections, scores, mixing and the feed-forward layers', () => {
    const layer = 4 * length * width ** 2 + 2 * length ** 2 * width + 2 * length * width * inner
    expect(summary.macs).toBe(layers * layer + width ** 2)
  })

  test('names its interface with the free dimensions, which leave the cost open without sizes', () => {
    const { inputs, outputs, macs, warnings } = fixture('tiny-bert')
    expect(inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask', 'token_type_ids'])
    expect(inputs[0]).toEqual({ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] })
    expect(outputs[0]).toEqual({ name: 'last_hidden_state', dtype: 'float32', shape: ['batch', 'sequence', 32] })
    expect(summary.outputs).toEqual(outputs)
    expect(macs).toBeNull()
    expect(warnings).toEqual(['Free dimensions: batch, sequence. Their sizes are chosen when the model runs.'])
  })

  test('survives JSON and structured clone as it is', () => {
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
    expect(structuredClone(summary)).toEqual(summary)
  })
})

test('an LSTM costs both weight matrices for each direction and time step', () => {
  const { macs, opCounts } = fixture('tiny-lstm', { batch: 3, sequence: 16 })
  const gates = 4 * 32
  const first = 2 * gates * (32 + 32)
  const second = 2 * gates * (64 + 32)
  expect(macs).toBe(3 * (16 * (first + second) + 64 * 4))
  expect(opCounts['LSTM']).toBe(2)
})

test('weights in Constant nodes and in bodies count, scalars and shapes do not', () => {
  const inner = buildGraph({
    outputs: { o: ['float32', [2, 5]] },
    initializers: { w: zeros('float32', [4, 5]) },
    nodes: [node('MatMul', ['h', 'w'], ['o'])],
  })
  const summary = summarize({
    inputs: { x: ['float32', [2, 3]], c: ['bool', []] },
    outputs: { y: ['float32', [2, 5]] },
    initializers: { half: one('float32'), target: tensor('int64', [2], [2, 4]) },
    nodes: [
      node('Constant', [], ['k'], { value: { kind: 'tensor', value: zeros('float32', [3, 4]) } }),
      node('MatMul', ['x', 'k'], ['m']),
      node('Mul', ['m', 'half'], ['s']),
      node('Reshape', ['s', 'target'], ['h']),
      node('If', ['c'], ['y'], {
        then_branch: { kind: 'graph', value: inner },
        else_branch: { kind: 'graph', value: inner },
      }),
    ],
  })
  expect(summary.parameters).toBe(3 * 4 + 2 * 4 * 5)
  expect(summary.bytesByDtype).toEqual({ float32: 4 * (12 + 20 + 20 + 1), int64: 16 })
  expect(summary.nodeCount).toBe(7)
  expect(summary.macs).toBe(2 * 3 * 4 + 2 * 4 * 5)
})

describe('quantized weights count as parameters, scales and zero points do not', () => {
  const input = { x: ['float32', [1, 8]] } as const

  test('behind DequantizeLinear, per channel', () => {
    const summary = summarize({
      inputs: input,
      initializers: { q: zeros('int8', [8, 4]), s: zeros('float32', [4]), z: zeros('int8', [4]) },
      nodes: [node('DequantizeLinear', ['q', 's', 'z'], ['w'], { axis: 1 }), node('MatMul', ['x', 'w'], ['y'])],
    })
    expect(summary.parameters).toBe(32)
    expect(summary.warnings).toContain('The weights are already quantized, at least in part.')
  })

  test('in dynamic quantization, where the weight scale is multiplied at run time', () => {
    const summary = summarize({
      inputs: input,
      initializers: {
        q: zeros('int8', [8, 4]),
        s: zeros('float32', [4]),
        z: zeros('int8', [4]),
        b: zeros('float32', [4]),
      },
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['xq', 'xs', 'xz']),
        node('MatMulInteger', ['xq', 'q', 'xz', 'z'], ['m']),
        node('Cast', ['m'], ['f'], { to: 1 }),
        node('Mul', ['xs', 's'], ['ms']),
        node('Mul', ['f', 'ms'], ['p']),
        node('Add', ['p', 'b'], ['y']),
      ],
    })
    expect(summary.parameters).toBe(32 + 4)
    expect(summary.macs).toBe(32)
  })

  test('in integer operators with static ranges, where the sums are multiplied by a constant', () => {
    const summary = summarize({
      inputs: input,
      initializers: {
        ...{ q: zeros('int8', [8, 4]), s: zeros('float32', [4]), z: zeros('int8', []), b: zeros('float32', [4]) },
        ...{ xs: zeros('float32', []), xz: zeros('uint8', []) },
      },
      nodes: [
        node('QuantizeLinear', ['x', 'xs', 'xz'], ['xq']),
        node('MatMulInteger', ['xq', 'q', 'xz', 'z'], ['m']),
        node('Cast', ['m'], ['f'], { to: 1 }),
        node('Mul', ['f', 's'], ['p']),
        node('Add', ['p', 'b'], ['y']),
      ],
    })
    expect(summary.parameters).toBe(32 + 4)
    expect(summary.macs).toBe(32)
  })

  test('packed four bits to a nibble, counted by their logical size', () => {
    const summary = summarize({
      inputs: { x: ['float32', [5, 60]] },
      domains: { 'com.microsoft': 1 },
      initializers: { q: zeros('uint8', [10, 2, 16]), s: zeros('float32', [20]) },
      nodes: [node('MatMulNBits', ['x', 'q', 's'], ['y'], { K: 60, N: 10, bits: 4, block_size: 32 }, 'com.microsoft')],
    })
    expect(summary.parameters).toBe(600)
    expect(summary.macs).toBe(5 * 600)
    expect(summary.opCounts).toEqual({ 'com.microsoft.MatMulNBits': 1 })
  })

  test('a model that only quantizes its activations is not called quantized', () => {
    const summary = summarize({
      inputs: input,
      initializers: { s: one('float32'), z: one('uint8'), w: zeros('float32', [8, 4]) },
      nodes: [
        node('QuantizeLinear', ['x', 's', 'z'], ['q']),
        node('DequantizeLinear', ['q', 's', 'z'], ['d']),
        node('MatMul', ['d', 'w'], ['y']),
      ],
    })
    expect(summary.parameters).toBe(32)
    expect(summary.warnings).toEqual([])
  })
})

describe('warnings', () => {
  const relu: ModelParts = { inputs: { x: ['float32', [1]] }, nodes: [node('Relu', ['x'], ['y'])] }

  test('name versions beyond the runtime', () => {
    expect(summarize({ ...relu, opset: 27, irVersion: 14 }).warnings).toEqual([
      'The model is of opset 27; the runtime accepts opset 26 at most.',
      'The file is of IR version 14; the runtime accepts IR version 13 at most.',
    ])
    expect(summarize({ ...relu, opset: 26, irVersion: 13 }).warnings).toEqual([])
    expect(summarize({ ...relu, opset: 6 }).warnings).toHaveLength(1)
  })

  test('name unknown operators with their number', () => {
    const nodes = ['a', 'b'].map((name) => node('Foo', ['x'], [name], {}, 'com.example'))
    expect(summarize({ ...relu, nodes: [...nodes, node('Bar', ['x'], ['c'])] }).warnings).toEqual([
      'Operators that Lathe does not know: com.example.Foo (2 times), Bar. Shapes behind them are taken from the file or stay unknown.',
    ])
  })

  test('name missing files, weights that are inputs, half precision, dimensions without a name and contradictions', () => {
    const { warnings, inputs, bytesByDtype } = summarize({
      inputs: { x: ['float32', [null, 4]], w: ['float16', [4, 4]] },
      outputs: { y: ['int8', [1, 4]] },
      initializers: {
        w: { ...zeros('float16', [4, 4]), data: { kind: 'external', location: 'w.bin', offset: 0, length: 32 } },
      },
      nodes: [node('Relu', ['x'], ['y'])],
    })
    expect(inputs.map(({ name }) => name)).toEqual(['x'])
    expect(bytesByDtype).toEqual({ float16: 32 })
    expect(warnings).toEqual([
      'Weights stand in other files that were not given: w.bin.',
      '1 weight is also an input: a caller may replace them, so they are not treated as constants.',
      'The weights are already in 16-bit floats.',
      'Free dimensions: axis 0 of x. Their sizes are chosen when the model runs.',
      'The graph contradicts itself at y: "y" is declared as int8 [1, 4], its operator gives float32 [?, 4].',
    ])
  })
})
