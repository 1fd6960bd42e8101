import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { random } from '../../../tests/fixtures/random'
import { LabError } from '../../core/errors/lab-error'
import type { Model } from '../../core/model/model'
import { float } from '../../core/model/node'
import { defaultOptions } from '../../core/options/parse-options'
import { measureError } from '../../core/numeric/error-metrics'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { encodeParts } from '../../core/onnx/encode-parts'
import { apply } from './apply'
import type { DynamicOptions } from './plan'
import { integerProduct } from './reference'
import { spec } from './spec'
import { opTypes } from '../../../tests/fixtures/op-types'

const DEFAULTS: DynamicOptions = defaultOptions(spec.options)

/** Of a layer with normally distributed weights and inputs. */
const MIN_SQNR_DB = 35
/** Of an LSTM: errors of five steps add up. */
const MIN_LSTM_SQNR_DB = 25
/** Against the float64 twin, relative to the largest answer: the sums are exact integers, so only the last products round. */
const MAX_REFERENCE_ERROR = 5e-7
/** Of one element of a product, relative to the product of the norms of its row and column. */
const MAX_DOT_PRODUCT_ERROR = 6e-3

const count = (model: Model, opType: string): number => model.graph.nodes.filter((n) => n.opType === opType).length

async function sqnr(model: Model, feeds: Parameters<typeof runModel>[1], options: DynamicOptions): Promise<number> {
  const { model: quantized } = await apply(model, options, testContext())
  verifyGraph(quantized)
  verifyInterface(model, quantized)
  const truth = await runModel(model, feeds, 'disabled')
  const plain = await runModel(quantized, feeds, 'disabled')
  const fused = await runModel(quantized, feeds, 'all')
  const [output = ''] = model.graph.outputs.map(({ name }) => name)
  const errors = [plain, fused].map(
    (values) => measureError(numbersOf(truth, output), numbersOf(values, output)).sqnrDb,
  )
  return Math.min(...errors)
}

const gemm = (attributes: Parameters<typeof node>[3], weightDims: number[]): Model =>
  buildModel({
    inputs: { x: ['float32', [4, 32]] },
    outputs: { y: ['float32', [4, 24]] },
    initializers: { w: tensor('float32', weightDims, random(32 * 24, 1)), b: tensor('float32', [24], random(24, 2)) },
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'], attributes)],
  })

const conv = (dims: number[], input: number[], attributes: Parameters<typeof node>[3] = {}): Model =>
  buildModel({
    inputs: { x: ['float32', input] },
    outputs: { y: ['float32'] },
    initializers: {
      w: tensor(
        'float32',
        dims,
        random(
          dims.reduce((a, b) => a * b),
          3,
        ),
      ),
      b: tensor('float32', [dims[0] as number], random(dims[0] as number, 4)),
    },
    nodes: [node('Conv', ['x', 'w', 'b'], ['y'], attributes)],
  })

const x = floats([4, 32], random(128, 5))
const everyForm = (['int8', 'uint8'] as const).flatMap((weightType) =>
  (['channel', 'tensor'] as const).map((granularity) => ({ ...DEFAULTS, weightType, granularity })),
)

describe.each(everyForm)('quantize-dynamic with $weightType per $granularity', (options) => {
  it('keeps the answers of MatMul, of rank 3 too', async () => {
    const matmul = (dims: number[], input: number[]): Model =>
      buildModel({
        inputs: { x: ['float32', input] },
        outputs: { y: ['float32'] },
        initializers: {
          w: tensor(
            'float32',
            dims,
            random(
              dims.reduce((a, b) => a * b),
              6,
            ),
          ),
        },
        nodes: [node('MatMul', ['x', 'w'], ['y'])],
      })
    expect(await sqnr(matmul([32, 24], [4, 32]), { x }, options)).toBeGreaterThan(MIN_SQNR_DB)
    const stacked = { x: floats([2, 4, 32], random(256, 7)) }
    expect(await sqnr(matmul([2, 32, 24], [2, 4, 32]), stacked, options)).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('keeps the answers of Gemm with any transB, alpha and beta', async () => {
    expect(await sqnr(gemm({}, [32, 24]), { x }, options)).toBeGreaterThan(MIN_SQNR_DB)
    expect(await sqnr(gemm({ transB: 1 }, [24, 32]), { x }, options)).toBeGreaterThan(MIN_SQNR_DB)
    expect(await sqnr(gemm({ alpha: float(-0.5), beta: float(3) }, [32, 24]), { x }, options)).toBeGreaterThan(
      MIN_SQNR_DB,
    )
  })

  it('keeps the answers of Conv in one and two dimensions, padded and grouped', async () => {
    const image = {
      x: floats(
        [1, 8, 6, 6],
        random(288, 8).map((v) => v + 2),
      ),
    }
    expect(await sqnr(conv([8, 8, 3, 3], [1, 8, 6, 6], { pads: [1, 1, 1, 1] }), image, options)).toBeGreaterThan(
      MIN_SQNR_DB,
    )
    expect(await sqnr(conv([8, 4, 3, 3], [1, 8, 6, 6], { group: 2 }), image, options)).toBeGreaterThan(MIN_SQNR_DB)
    const signal = { x: floats([1, 8, 16], random(128, 9)) }
    expect(await sqnr(conv([8, 8, 3], [1, 8, 16], { pads: [1, 1] }), signal, options)).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('keeps the answers of a lookup', async () => {
    const model = buildModel({
      inputs: { i: ['int64', [5]] },
      outputs: { y: ['float32'] },
      initializers: { table: tensor('float32', [64, 32], random(2048, 10)) },
      nodes: [node('Gather', ['table', 'i'], ['y'])],
    })
    const i = { dtype: 'int64', dims: [5], data: BigInt64Array.of(0n, 63n, 7n, 7n, -1n) } as const
    expect(await sqnr(model, { i }, options)).toBeGreaterThan(MIN_SQNR_DB)
  })
})

describe.each(everyForm)('a product with $weightType per $granularity', (options) => {
  it('stays within its three bounds', async () => {
    const [rows, inner, columns] = [4, 64, 16]
    const xs = random(rows * inner, 11).map(Math.fround)
    const ws = random(inner * columns, 12).map(Math.fround)
    const model = buildModel({
      inputs: { x: ['float32', [rows, inner]] },
      outputs: { y: ['float32'] },
      initializers: { w: tensor('float32', [inner, columns], ws) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const { model: quantized } = await apply(model, options, testContext())
    const got = numbersOf(await runModel(quantized, { x: floats([rows, inner], xs) }, 'disabled'), 'y')

    const x = matrix(xs, inner)
    const w = matrix(ws, columns)
    const exact = x.flatMap((row) => columnsOf(w).map((column) => dot(row, column)))
    expect(measureError(exact, got).sqnrDb).toBeGreaterThan(MIN_SQNR_DB)
    const twin = integerProduct(x, w, options).flat()
    expect(measureError(twin, got).maxAbs / Math.max(...exact.map(Math.abs))).toBeLessThan(MAX_REFERENCE_ERROR)
    const norms = x.flatMap((row) => columnsOf(w).map((column) => Math.hypot(...row) * Math.hypot(...column)))
    const worst = Math.max(...exact.map((value, i) => Math.abs(value - (got[i] as number)) / (norms[i] as number)))
    expect(worst).toBeLessThan(MAX_DOT_PRODUCT_ERROR)
  })
})

const matrix = (values: readonly number[], columns: number): number[][] =>
  Array.from({ length: values.length / columns }, (_, row) => values.slice(row * columns, (row + 1) * columns))
const columnsOf = (rows: readonly (readonly number[])[]): number[][] =>
  (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] as number))
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)

describe('quantize-dynamic', () => {
  const notesOf = async (model: Model, options = DEFAULTS) => (await apply(model, options, testContext())).notes

  it('turns Gemm with a transposed weight into the form that engines fuse', async () => {
    const { model } = await apply(gemm({ transB: 1 }, [24, 32]), DEFAULTS, testContext())
    expect(opTypes(model)).toEqual(['DynamicQuantizeLinear', 'MatMulInteger', 'Mul', 'Cast', 'Mul', 'Add'])
    expect(model.graph.initializers.get('w_quantized')).toMatchObject({ dtype: 'int8', dims: [32, 24] })
    expect(model.graph.initializers.has('w')).toBe(false)
  })

  it('quantizes an input once for all its readers, and a weight once', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 32]] },
      outputs: { y: ['float32'] },
      initializers: { w: tensor('float32', [32, 8], random(256, 1)) },
      nodes: [node('MatMul', ['x', 'w'], ['a']), node('MatMul', ['x', 'w'], ['b']), node('Add', ['a', 'b'], ['y'])],
    })
    const { model: quantized } = await apply(model, DEFAULTS, testContext())
    expect(count(quantized, 'DynamicQuantizeLinear')).toBe(1)
    expect(count(quantized, 'MatMulInteger')).toBe(2)
    expect(
      [...quantized.graph.initializers.values()].filter(({ dtype, dims }) => dtype === 'int8' && dims.length > 0),
    ).toHaveLength(1)
  })

  it('keeps a float weight that another operator reads', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [32, 8]], z: ['float32', [4, 32]] },
      outputs: { y: ['float32'], s: ['float32'] },
      initializers: { w: tensor('float32', [32, 8], random(256, 1)) },
      nodes: [node('MatMul', ['z', 'w'], ['y']), node('Add', ['x', 'w'], ['s'])],
    })
    const { model: quantized } = await apply(model, DEFAULTS, testContext())
    expect(quantized.graph.initializers.has('w')).toBe(true)
    expect(opTypes(quantized)).toContain('MatMulInteger')
  })

  it('says why a product without a weight stays in float', async () => {
    const model = buildModel({
      inputs: { a: ['float32', [4, 4]], b: ['float32', [4, 4]] },
      outputs: { y: ['float32'] },
      nodes: [node('MatMul', ['a', 'b'], ['y'])],
    })
    const result = await apply(model, DEFAULTS, testContext())
    expect(result.model).toBe(model)
    expect(result.notes[0]).toMatchObject({ kind: 'skipped', subject: 'y' })
    expect(result.notes[0]?.text).toMatch(/no weight/)
  })

  it('leaves depthwise convolutions in float unless asked, and says so', async () => {
    const model = conv([8, 1, 3, 3], [1, 8, 6, 6], { group: 8 })
    expect((await notesOf(model))[0]?.text).toMatch(/depthwise/)
    expect((await apply(model, DEFAULTS, testContext())).model).toBe(model)
    const image = { x: floats([1, 8, 6, 6], random(288, 8)) }
    expect(await sqnr(model, image, { ...DEFAULTS, depthwise: true })).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('leaves weights that are not finite in float, and says so', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 2]] },
      outputs: { y: ['float32'] },
      initializers: { w: tensor('float32', [2, 2], [1, NaN, 2, 3]) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const result = await apply(model, DEFAULTS, testContext())
    expect(result.model).toBe(model)
    expect(result.notes[0]?.text).toMatch(/not finite/)
  })

  it('quantizes inside the bodies of If, with weights from outside, which it drops there', async () => {
    const branch = (name: string) => ({
      kind: 'graph' as const,
      value: buildGraph({ name, outputs: { [name]: ['float32'] }, nodes: [node('MatMul', ['x', 'w'], [name])] }),
    })
    const model = buildModel({
      inputs: { c: ['bool', []], x: ['float32', [4, 32]] },
      outputs: { y: ['float32'] },
      initializers: { w: tensor('float32', [32, 8], random(256, 1)) },
      nodes: [node('If', ['c'], ['y'], { then_branch: branch('t'), else_branch: branch('e') })],
    })
    const c = { dtype: 'bool', dims: [], data: Uint8Array.of(1) } as const
    expect(await sqnr(model, { c, x }, DEFAULTS)).toBeGreaterThan(MIN_SQNR_DB)
    const { model: quantized } = await apply(model, DEFAULTS, testContext())
    expect(quantized.graph.initializers.has('w')).toBe(false)
    expect((await apply(model, { ...DEFAULTS, subgraphs: false }, testContext())).model).toBe(model)
  })

  const lstm = (attributes: Parameters<typeof node>[3], rest: string[] = []): Model => {
    const directions = 2
    return buildModel({
      inputs: { x: ['float32', [5, 2, 12]] },
      outputs: { y: ['float32'], yh: ['float32'], yc: ['float32'] },
      initializers: {
        w: tensor('float32', [directions, 64, 12], random(directions * 64 * 12, 1)),
        r: tensor(
          'float32',
          [directions, 64, 16],
          random(directions * 64 * 16, 2).map((v) => v / 4),
        ),
        b: tensor('float32', [directions, 128], random(directions * 128, 3)),
        n: tensor('int32', [2], [4, 5]),
        h: tensor('float32', [directions, 2, 16], random(directions * 32, 4)),
        c: tensor('float32', [directions, 2, 16], random(directions * 32, 5)),
        p: tensor('float32', [directions, 48], random(directions * 48, 6)),
      },
      nodes: [
        node('LSTM', ['x', 'w', 'r', ...rest], ['y', 'yh', 'yc'], {
          hidden_size: 16,
          direction: 'bidirectional',
          ...attributes,
        }),
      ],
    })
  }

  it('keeps the answers of LSTM, with lengths, initial states and peepholes too', async () => {
    const input = { x: floats([5, 2, 12], random(120, 9)) }
    for (const granularity of ['channel', 'tensor'] as const) {
      for (const rest of [[], ['b', 'n', 'h', 'c', 'p']]) {
        const model = lstm({}, rest)
        expect(await sqnr(model, input, { ...DEFAULTS, granularity })).toBeGreaterThan(MIN_LSTM_SQNR_DB)
      }
    }
    const { model } = await apply(lstm({ layout: 0 }, ['', 'n']), DEFAULTS, testContext())
    expect(model.opsets.get('com.microsoft')).toBe(1)
    expect(model.graph.nodes.map(({ opType, inputs }) => [opType, inputs])).toEqual([
      [
        'DynamicQuantizeLSTM',
        ['x', 'w_quantized', 'r_quantized', '', 'n', '', '', '', 'w_scale', 'w_zero_point', 'r_scale', 'r_zero_point'],
      ],
    ])
    expect(model.graph.nodes[0]?.attributes.has('layout')).toBe(false)
    expect(model.graph.initializers.get('w_quantized')).toMatchObject({ dtype: 'int8', dims: [2, 12, 64] })
  })

  it('leaves recurrent nodes without a kernel in float, and says so', async () => {
    expect((await notesOf(lstm({ layout: 1 })))[0]?.text).toMatch(/batch as the second dimension/)
    const gru = buildModel({
      inputs: { x: ['float32', [5, 2, 3]] },
      outputs: { y: ['float32'] },
      initializers: {
        w: tensor('float32', [1, 12, 3], random(36, 1)),
        r: tensor('float32', [1, 12, 4], random(48, 2)),
      },
      nodes: [node('GRU', ['x', 'w', 'r'], ['y'], { hidden_size: 4 })],
    })
    expect((await notesOf(gru))[0]?.text).toMatch(/GRU .* no integer form/)
  })

  it('carries integers of a lookup through Transpose into a product, and back to float for who needs it', async () => {
    const model = buildModel({
      inputs: { i: ['int64', [2, 5]] },
      outputs: { y: ['float32'], a: ['float32'] },
      initializers: {
        table: tensor('float32', [100, 32], random(3200, 1)),
        w: tensor('float32', [5, 24], random(120, 2)),
      },
      nodes: [
        node('Gather', ['table', 'i'], ['e']),
        node('Transpose', ['e'], ['t'], { perm: [0, 2, 1] }),
        node('MatMul', ['t', 'w'], ['y']),
        node('Relu', ['e'], ['a']),
      ],
    })
    const options = { ...DEFAULTS, granularity: 'tensor' } as const
    const { model: quantized } = await apply(model, options, testContext())
    expect(opTypes(quantized).toSorted()).toEqual(
      ['Cast', 'DequantizeLinear', 'Gather', 'MatMulInteger', 'Mul', 'Mul', 'Relu', 'Transpose'].toSorted(),
    )
    const i = {
      dtype: 'int64',
      dims: [2, 5],
      data: BigInt64Array.from([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 99n]),
    } as const
    expect(await sqnr(model, { i }, options)).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('quantizes products of two activations when asked', async () => {
    const model = buildModel({
      inputs: { a: ['float32', [4, 32]], b: ['float32', [32, 8]] },
      outputs: { y: ['float32'] },
      nodes: [node('MatMul', ['a', 'b'], ['y'])],
    })
    const feeds = { a: floats([4, 32], random(128, 1)), b: floats([32, 8], random(256, 2)) }
    const options = { ...DEFAULTS, constantWeightsOnly: false }
    expect(await sqnr(model, feeds, options)).toBeGreaterThan(MIN_SQNR_DB)
    const { model: quantized } = await apply(model, options, testContext())
    expect(count(quantized, 'DynamicQuantizeLinear')).toBe(2)
  })

  it('changes nothing the second time, and gives the same bytes every time', async () => {
    const model = gemm({}, [32, 24])
    const { model: once } = await apply(model, DEFAULTS, testContext())
    expect((await apply(once, DEFAULTS, testContext())).model).toBe(once)
    expect(encodeParts((await apply(model, DEFAULTS, testContext())).model)).toEqual(encodeParts(once))
  })

  it('stops at a cancel', async () => {
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    const context = testContext({ checkpoint: () => Promise.reject(cancelled) })
    await expect(apply(gemm({}, [32, 24]), DEFAULTS, context)).rejects.toBe(cancelled)
  })
})
