// That ONNX Runtime computes with the packed weights what their definition says.

import { describe, expect, it } from 'vitest'

import {
  options,
  EXACT_DB,
  LEAST_DB,
  weight,
  quantize,
  noteTexts,
  find,
  required,
  nBitsWeight,
  elementsWeight,
  multiply,
  sqnr,
  agreement,
  product,
} from '../../../tests/fixtures/block-models'
import { random } from '../../../tests/fixtures/random'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { LabError } from '../../core/errors/lab-error'
import type { Model } from '../../core/model/model'
import { float, intAttribute } from '../../core/model/node'
import { apply } from './apply'
import type { BlockOptions } from './plan'
import { opTypes } from '../../../tests/fixtures/op-types'

/** Rows of outputs of a weight that is stored as [k, n], as `product` has it. */
const byOutput = (w: ArrayLike<number>, k: number, n: number): Float64Array =>
  Float64Array.from({ length: k * n }, (_, i) => w[(i % k) * n + Math.floor(i / k)] ?? NaN)
const floatWeight = (k: number, n: number): Float64Array => byOutput(Float32Array.from(random(k * n, 1)), k, n)

const SHAPES = [
  [64, 48, '32'],
  [40, 5, '16'],
  [100, 33, '64'],
  [24, 7, '128'],
] as const
const gridOf = <B extends BlockOptions['bits']>(allBits: readonly B[]) =>
  allBits.flatMap((bits) =>
    [true, false].flatMap((symmetric) => SHAPES.map(([k, n, blockSize]) => ({ bits, symmetric, k, n, blockSize }))),
  )
const TITLE = '$bits bits, symmetric $symmetric, $k × $n in blocks of $blockSize'

describe('MatMulNBits', () => {
  it.each(gridOf(['2', '4', '8']))(`multiplies by its definition: ${TITLE}`, async ({ k, n, ...given }) => {
    const { model, sessionOptions } = await quantize(product(k, n), given)
    const facts = [opTypes(model), model.opsets.get('com.microsoft'), model.graph.initializers.has('w'), sessionOptions]
    expect(facts).toEqual([['MatMulNBits'], 1, false, undefined])
    const restored = nBitsWeight(model, find(model, 'MatMulNBits'))
    expect(sqnr(floatWeight(k, n), restored)).toBeGreaterThan(LEAST_DB[given.bits])
    const x = random(3 * k, 2)
    const truth = multiply([...Float32Array.from(x)], restored, k)
    expect(await agreement(model, { x: floats([3, k], x) }, truth)).toBeGreaterThan(EXACT_DB)
  })

  it.each(['rtn-inc', 'k-quant', 'hqq'] as const)('%s gives zero points that every engine takes', async (algorithm) => {
    const { model } = await quantize(product(72, 20), { algorithm, bits: '4' })
    const found = find(model, 'MatMulNBits')
    expect(required(model, found.inputs[3])).toMatchObject({ dtype: 'uint8', dims: [20, 2] })
    const restored = nBitsWeight(model, found)
    expect(sqnr(floatWeight(72, 20), restored)).toBeGreaterThan(LEAST_DB['4'])
    const x = random(2 * 72, 2)
    const truth = multiply([...Float32Array.from(x)], restored, 72)
    expect(await agreement(model, { x: floats([2, 72], x) }, truth)).toBeGreaterThan(EXACT_DB)
  })

  it('HQQ is closer to the weights than rounding to nearest', async () => {
    const fidelity = async (algorithm: BlockOptions['algorithm']) => {
      const { model } = await quantize(product(128, 64), { algorithm })
      return sqnr(floatWeight(128, 64), nBitsWeight(model, find(model, 'MatMulNBits')))
    }
    expect(await fidelity('hqq')).toBeGreaterThan((await fidelity('rtn')) + 0.3)
  })

  it('answers the example of the specification (C23, C24)', async () => {
    const linspace = (a: number, b: number) => Array.from({ length: 16 }, (_, i) => a + (i * (b - a)) / 15)
    const [first, second] = [linspace(-1, 2), linspace(0.1, 0.85)]
    const values = first.flatMap((value, i) => [value, second[i] ?? NaN])
    const model = product(16, 2, { initializers: { w: tensor('float32', [16, 2], values) } })
    for (const [bits, symmetric, answers] of [
      ['4', true, [8.966666, 2.38]],
      ['4', false, [9.066667, 2.213778]],
      ['8', true, [9.060417, 2.259583]],
      ['2', true, [9.466667, 2.663333]],
      ['2', false, [9.466667, 2.21]],
    ] as const) {
      const { model: quantized } = await quantize(model, { bits, symmetric, blockSize: '16' })
      const y = numbersOf(await runModel(quantized, { x: floats([1, 16], linspace(-1, 1)) }), 'y')
      answers.forEach((answer, i) => expect(y[i]).toBeCloseTo(answer, 5))
    }
  })

  it.each([
    { dims: [48, 20], attributes: { alpha: float(0.5), beta: float(-2) } },
    { dims: [20, 48], attributes: { transB: 1 } },
  ])('takes Gemm $dims with $attributes apart into a product and a sum', async ({ dims, attributes }) => {
    const model = buildModel({
      inputs: { x: ['float32', [3, 48]] },
      outputs: { y: ['float32', [3, 20]] },
      initializers: { w: weight(dims), c: weight([20], 5) },
      nodes: [node('Gemm', ['x', 'w', 'c'], ['y'], attributes)],
    })
    const { model: quantized } = await quantize(model, { bits: '8', blockSize: '16' })
    expect(opTypes(quantized)).toEqual(['MatMulNBits', 'Add'])
    const feeds = { x: floats([3, 48], random(144, 3)) }
    const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
    expect(await agreement(quantized, feeds, truth)).toBeGreaterThan(LEAST_DB['8'])
  })

  it.each([
    { dims: [1, 64, 20], input: [3, 64], output: [1, 3, 20], added: ['Unsqueeze'] },
    { dims: [1, 1, 64, 20], input: [2, 3, 64], output: [1, 2, 3, 20], added: ['Unsqueeze'] },
    { dims: [1, 64, 20], input: [2, 3, 64], output: [2, 3, 20], added: [] },
    { dims: [1, 64, 20], input: [64], output: [1, 20], added: ['Unsqueeze'] },
    { dims: [64, 20], input: [64], output: [20], added: [] },
  ])('keeps the shape of a product $input × $dims → $output', async ({ dims, input, output, added }) => {
    const model = buildModel({
      inputs: { x: ['float32', input] },
      outputs: { y: ['float32', output] },
      initializers: { w: weight(dims) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const { model: quantized } = await quantize(model, { bits: '8' })
    expect(opTypes(quantized)).toEqual(['MatMulNBits', ...added])
    const count = input.reduce((all, size) => all * size, 1)
    const feeds = { x: floats(input, random(count, 3)) }
    const truth = await runModel(model, feeds)
    const got = await runModel(quantized, feeds)
    expect(got['y']?.dims).toEqual(truth['y']?.dims)
    expect(sqnr(numbersOf(truth, 'y'), numbersOf(got, 'y'))).toBeGreaterThan(LEAST_DB['8'])
  })

  it('carries the accuracy level, and leaves the attribute out at 0', async () => {
    const level = async (accuracyLevel: number) => {
      const { model } = await quantize(product(32, 8), { accuracyLevel })
      return intAttribute(find(model, 'MatMulNBits'), 'accuracy_level', undefined)
    }
    expect([await level(0), await level(4)]).toEqual([undefined, 4])
  })
})

describe('blocked DequantizeLinear', () => {
  it.each(gridOf(['4', '8']))(`restores by its definition: ${TITLE}`, async ({ k, n, ...given }) => {
    const { model, sessionOptions } = await quantize(product(k, n), { ...given, format: 'qdq' })
    const facts = [opTypes(model), model.opsets.get(''), model.opsets.has('com.microsoft')]
    expect(facts).toEqual([['DequantizeLinear', 'MatMul'], 21, false])
    expect(sessionOptions).toEqual({ 'session.disable_quant_qdq': '1' })
    const restored = elementsWeight(model, find(model, 'DequantizeLinear').inputs, 0, Number(given.blockSize))
    expect(sqnr(Float32Array.from(random(k * n, 1)), restored)).toBeGreaterThan(LEAST_DB[given.bits])
    const x = random(3 * k, 2)
    const truth = multiply([...Float32Array.from(x)], byOutput(restored, k, n), k)
    expect(await agreement(model, { x: floats([3, k], x) }, truth)).toBeGreaterThan(EXACT_DB)
  })

  it('leaves Gemm as it is, its weight in blocks along the inputs', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [3, 48]] },
      outputs: { y: ['float32', [3, 20]] },
      initializers: { w: weight([20, 48]), c: weight([20], 5) },
      nodes: [node('Gemm', ['x', 'w', 'c'], ['y'], { transB: 1, alpha: float(0.5), beta: float(2) })],
    })
    const { model: quantized } = await quantize(model, { format: 'qdq', bits: '8', blockSize: '16' })
    expect(opTypes(quantized)).toEqual(['DequantizeLinear', 'Gemm'])
    expect(intAttribute(find(quantized, 'DequantizeLinear'), 'axis', -1)).toBe(1)
    const feeds = { x: floats([3, 48], random(144, 3)) }
    const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
    expect(await agreement(quantized, feeds, truth)).toBeGreaterThan(LEAST_DB['8'])
  })

  it('refuses 2 bits', async () => {
    const error = await apply(product(32, 8), options({ format: 'qdq', bits: '2' }), testContext()).catch(
      (e: unknown) => e,
    )
    expect(error).toBeInstanceOf(LabError)
    expect(error).toMatchObject({ code: 'options/invalid', details: { path: 'bits', got: '2' } })
  })
})

describe('GatherBlockQuantized', () => {
  const lookup = (dims: number[]): Model =>
    buildModel({
      inputs: { i: ['int64', ['count']] },
      outputs: { y: ['float32', ['count', ...dims.slice(1)]] },
      initializers: { e: weight(dims) },
      nodes: [node('Gather', ['e', 'i'], ['y'])],
    })

  it.each([
    { dims: [50, 40], symmetric: true },
    { dims: [21, 33], symmetric: false },
    { dims: [21, 33], symmetric: true },
    { dims: [6, 3, 32], symmetric: false },
  ])('looks up rows of $dims by its definition, symmetric $symmetric', async ({ dims, symmetric }) => {
    const { model } = await quantize(lookup(dims), { embeddings: true, bits: '8', blockSize: '16', symmetric })
    const gather = find(model, 'GatherBlockQuantized')
    expect(required(model, gather.inputs[0])).toMatchObject({ dtype: symmetric ? 'int4' : 'uint4', dims })
    const [codes, , scales, zeroPoints] = gather.inputs
    const axis = dims.length - 1
    expect(intAttribute(gather, 'quantize_axis', -1)).toBe(axis)
    const restored = elementsWeight(model, [codes, scales, zeroPoints], axis, 16)
    const width = restored.length / (dims[0] ?? NaN)
    expect(sqnr(Float32Array.from(random(restored.length, 1)), restored)).toBeGreaterThan(LEAST_DB['4'])
    const rows = [5, 0, 3]
    const truth = rows.flatMap((row) => [...restored.subarray(row * width, (row + 1) * width)])
    expect(
      await agreement(model, { i: { dtype: 'int64', dims: [3], data: BigInt64Array.from(rows, BigInt) } }, truth),
    ).toBeGreaterThan(EXACT_DB)
  })

  it('leaves tables alone unless asked to, along other axes, and in the format qdq', async () => {
    expect(noteTexts(await quantize(lookup([50, 40])))).toContain('unless `embeddings` is on')
    const across = buildModel({
      inputs: { i: ['int64', [2]] },
      outputs: { y: ['float32', [40, 2]] },
      initializers: { e: weight([40, 50]) },
      nodes: [node('Gather', ['e', 'i'], ['y'], { axis: 1 })],
    })
    expect(noteTexts(await quantize(across, { embeddings: true }))).toContain('along another axis')
    expect(noteTexts(await quantize(lookup([50, 40]), { embeddings: true, format: 'qdq' }))).toContain(
      'only GatherBlockQuantized',
    )
  })
})
