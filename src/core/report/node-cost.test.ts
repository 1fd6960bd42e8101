import { describe, expect, test } from 'vitest'
import { buildGraph, buildModel, node, type ModelParts } from '../../../tests/fixtures/build-model'
import { inferShapes } from '../model/infer-shapes'
import type { Shape } from '../model/shape'
import { graphMacs, nodeCost } from './node-cost'

type Values = Readonly<Record<string, Shape>>
type Attributes = Parameters<typeof node>[3]

/** Multiply-accumulates of one node whose inputs have these shapes; inputs without a shape are omitted. */
function macsOf(op: string, shapes: readonly (Shape | undefined)[], attributes: Attributes = {}, domain = '') {
  const names = shapes.map((shape, at) => (shape ? `i${at}` : ''))
  const inputs: Values = Object.fromEntries(shapes.flatMap((shape, at) => (shape ? [[`i${at}`, shape]] : [])))
  const made = node(op, names, ['y', 'y2', 'y3'], attributes, domain)
  const parts: ModelParts = {
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, ['float32', shape] as const])),
    domains: domain === '' ? {} : { [domain]: 1 },
    opset: 23,
    nodes: [made],
  }
  return nodeCost(made, inferShapes(buildModel(parts))).macs
}

/** Counts the products of a convolution one by one. */
function countedConvolution(outputs: number, inputs: number, groups: number, size: number, kernel: number): number {
  let macs = 0
  for (let output = 0; output < outputs; output++) {
    for (let y = 0; y + kernel <= size; y++) {
      for (let x = 0; x + kernel <= size; x++) macs += (inputs / groups) * kernel * kernel
    }
  }
  return macs
}

const SCALE: Shape = []

describe('convolutions', () => {
  test('count each product, grouped or not', () => {
    const conv = (group: number) =>
      macsOf(
        'Conv',
        [
          [1, 4, 9, 9],
          [8, 4 / group, 3, 3],
        ],
        { group },
      )
    expect(conv(1)).toBe(countedConvolution(8, 4, 1, 9, 3))
    expect(conv(4)).toBe(countedConvolution(8, 4, 4, 9, 3))
  })

  test('cost the same in their integer and quantized forms', () => {
    const plain = macsOf('Conv', [
      [2, 4, 9, 9],
      [8, 4, 3, 3],
    ])
    expect(
      macsOf('ConvInteger', [
        [2, 4, 9, 9],
        [8, 4, 3, 3],
      ]),
    ).toBe(plain)
    expect(macsOf('QLinearConv', [[2, 4, 9, 9], SCALE, SCALE, [8, 4, 3, 3], SCALE, SCALE, SCALE, SCALE])).toBe(plain)
    expect(
      macsOf(
        'FusedConv',
        [
          [2, 4, 9, 9],
          [8, 4, 3, 3],
        ],
        {},
        'com.microsoft',
      ),
    ).toBe(plain)
  })

  test('transposed: each input element meets one kernel', () => {
    expect(
      macsOf(
        'ConvTranspose',
        [
          [1, 4, 5, 5],
          [4, 2, 3, 3],
        ],
        { group: 2, strides: [2, 2] },
      ),
    ).toBe(4 * 25 * 2 * 9)
  })
})

describe('products', () => {
  test('count rows · columns · depth, batches included', () => {
    expect(
      macsOf('MatMul', [
        [2, 3, 4],
        [4, 5],
      ]),
    ).toBe(2 * 3 * 4 * 5)
    expect(macsOf('MatMul', [[4], [4, 5]])).toBe(20)
    expect(macsOf('Gemm', [[3, 4], [5, 4], [5]], { transB: 1 })).toBe(60)
    expect(
      macsOf(
        'Gemm',
        [
          [4, 3],
          [4, 5],
        ],
        { transA: 1 },
      ),
    ).toBe(60)
    expect(
      macsOf('MatMulInteger', [
        [3, 4],
        [4, 5],
      ]),
    ).toBe(60)
    expect(macsOf('QLinearMatMul', [[3, 4], SCALE, SCALE, [4, 5], SCALE, SCALE, SCALE, SCALE])).toBe(60)
    expect(macsOf('QGemm', [[3, 4], SCALE, SCALE, [5, 4], SCALE, SCALE], { transB: 1 }, 'com.microsoft')).toBe(60)
    expect(
      macsOf('MatMulNBits', [[3, 4], [5, 1, 16], [5]], { K: 4, N: 5, bits: 4, block_size: 32 }, 'com.microsoft'),
    ).toBe(60)
    expect(
      macsOf(
        'Einsum',
        [
          [2, 3, 4],
          [2, 4, 5],
        ],
        { equation: 'bij,bjk->bik' },
      ),
    ).toBe(120)
  })
})

describe('recurrence and attention', () => {
  test('count gates for every time step, sample and direction', () => {
    const [length, batch, width, hidden] = [7, 2, 3, 5]
    const cost = (op: string, gates: number, directions: number) =>
      macsOf(
        op,
        [
          [length, batch, width],
          [directions, gates * hidden, width],
          [directions, gates * hidden, hidden],
        ],
        { hidden_size: hidden, direction: directions === 2 ? 'bidirectional' : 'forward' },
      )
    expect(cost('LSTM', 4, 1)).toBe(length * batch * 4 * hidden * (width + hidden))
    expect(cost('GRU', 3, 2)).toBe(2 * length * batch * 3 * hidden * (width + hidden))
    expect(cost('RNN', 1, 1)).toBe(length * batch * hidden * (width + hidden))
  })

  test('count projections of the packed form, scores and mixing of all forms', () => {
    const [batch, length, width] = [2, 5, 16]
    const scoresAndMixing = 2 * batch * length * length * width
    expect(
      macsOf('Attention', [[batch, length, width], [width, 3 * width], [3 * width]], { num_heads: 4 }, 'com.microsoft'),
    ).toBe(batch * length * width * 3 * width + scoresAndMixing)
    const apart: Shape = [batch, length, width]
    expect(macsOf('MultiHeadAttention', [apart, apart, apart], { num_heads: 4 }, 'com.microsoft')).toBe(scoresAndMixing)
    expect(macsOf('Attention', [apart, apart, apart], { q_num_heads: 4, kv_num_heads: 4 })).toBe(scoresAndMixing)
    const heads: Shape = [batch, 4, length, 4]
    expect(macsOf('Attention', [heads, heads, heads])).toBe(scoresAndMixing)
  })
})

test('everything else costs nothing, and free dimensions leave the cost open', () => {
  expect(macsOf('Softmax', [[2, 3]])).toBe(0)
  expect(
    macsOf(
      'Conv',
      [
        [1, 4, 9, 9],
        [8, 4, 3, 3],
      ],
      {},
      'com.example',
    ),
  ).toBe(0)
  expect(
    macsOf('MatMul', [
      ['n', 4],
      [4, 5],
    ]),
  ).toBeUndefined()
})

describe('graphMacs', () => {
  const product = (rows: number) =>
    buildGraph({
      inputs: { [`a${rows}`]: ['float32', [rows, 4]], [`b${rows}`]: ['float32', [4, 5]] },
      outputs: { [`o${rows}`]: ['float32', [rows, 5]] },
      nodes: [node('MatMul', [`a${rows}`, `b${rows}`], [`o${rows}`])],
    })

  test('takes the dearer branch of an If', () => {
    const model = buildModel({
      inputs: { c: ['bool', []] },
      nodes: [
        node('If', ['c'], ['y'], {
          then_branch: { kind: 'graph', value: product(2) },
          else_branch: { kind: 'graph', value: product(3) },
        }),
      ],
    })
    expect(graphMacs(model.graph, inferShapes(model))).toBe(60)
  })

  test('repeats a Scan body by the length of what it scans, and leaves a Loop open', () => {
    const body = buildGraph({
      inputs: { row: ['float32', [1, 4]] },
      outputs: { o: ['float32', [1, 5]] },
      nodes: [node('MatMul', ['row', 'w'], ['o'])],
    })
    const scan = buildModel({
      inputs: { x: ['float32', [7, 1, 4]], w: ['float32', [4, 5]] },
      nodes: [node('Scan', ['x'], ['y'], { body: { kind: 'graph', value: body }, num_scan_inputs: 1 })],
    })
    expect(graphMacs(scan.graph, inferShapes(scan))).toBe(7 * 20)
    const loop = buildModel({
      inputs: { n: ['int64', []], c: ['bool', []] },
      nodes: [node('Loop', ['n', 'c'], ['y'], { body: { kind: 'graph', value: product(2) } })],
    })
    expect(graphMacs(loop.graph, inferShapes(loop))).toBeUndefined()
  })
})
