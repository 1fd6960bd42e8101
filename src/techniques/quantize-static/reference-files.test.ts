// Conformance C22, C41 and C43 of the specification: factors of Gemm, types and opsets, and traps of real files.

import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import {
  REFERENCE,
  samples,
  quantize,
  constant,
  nodeNamed,
  makerOf,
  count,
  random,
  weight,
  small,
  smallFeeds,
  image,
  imageFeeds,
  around,
} from '../../../tests/fixtures/reference-placement'
import { onnxOpset } from '../../core/model/model'
import { float, type Node } from '../../core/model/node'
import { measureError } from '../../core/numeric/error-metrics'
import { joinParts } from '../../core/numeric/join-parts'
import { decodeModel } from '../../core/onnx/decode'
import { encodeParts } from '../../core/onnx/encode-parts'
import { apply } from './apply'
import type { StaticOptions } from './spec'

const MIN_SQNR_DB = 28

describe('C22: factors of Gemm', () => {
  const gemm = (attributes: Parameters<typeof node>[3]) =>
    buildModel({
      inputs: { x: ['float32', [4, 16]] },
      outputs: { y: ['float32', [4, 2]] },
      initializers: { w: weight(1, 16, 2), c: tensor('float32', [2], [2, -4]) },
      nodes: [node('Gemm', ['x', 'w', 'c'], ['y'], attributes)],
    })
  const feeds = { x: floats([4, 16], random(9, 4, 16)) }

  it('beta goes into the bias', async () => {
    const result = await quantize(gemm({ beta: float(0.5) }), feeds)
    const scales = constant(result, 'c_quantized_scale')
    const biases = constant(result, 'c_quantized').map((value, i) => value * (scales[i] as number))
    biases.forEach((bias, i) => expect(bias).toBeCloseTo([1, -2][i] as number, 4))
    expect(makerOf(result, 'y_QuantizeLinear_Input')?.attributes.has('beta')).toBe(false)
  })

  it.each(['fused', 'reference'] as const)('keep the answers: %s', async (placement) => {
    for (const attributes of [{ beta: float(0.5) }, { alpha: float(2) }, { alpha: float(-0.5), beta: float(3) }]) {
      const model = gemm(attributes)
      const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
      const result = await quantize(model, feeds, { placement })
      for (const level of ['disabled', 'all'] as const) {
        const got = numbersOf(await runModel(result, feeds, level), 'y')
        expect(measureError(truth, got).sqnrDb).toBeGreaterThan(MIN_SQNR_DB)
      }
    }
  })
})

describe('C41: types and the opset', () => {
  it.each([
    [{ activationType: 'uint16' }, 21, ''],
    [{ activationType: 'int16', weightType: 'int16' }, 21, ''],
    [{ weightType: 'uint16' }, 21, ''],
    [{ overrides: { x: [{ quantType: 'int16' }] } }, 21, ''],
    [{ overrides: { x: [{ convert: { quantType: 'uint16' } }] } }, 21, ''],
    [{ weightType: 'uint4' }, 17, 'com.microsoft'],
    [{ weightType: 'int4', activationType: 'uint16' }, 21, ''],
    [{ contribOps: true }, 17, 'com.microsoft'],
    [{ blockSize: 2 }, 21, ''],
    [{}, 17, ''],
  ] as const)('%j from opset 17 gives opset %d and operators of "%s"', async (options, opset, domain) => {
    const result = await quantize(small, smallFeeds, options as Partial<StaticOptions>)
    expect(onnxOpset(result)).toBe(opset)
    expect(nodeNamed(result, 'x_QuantizeLinear')?.domain).toBe(domain)
    const file = decodeModel(joinParts(encodeParts(result)))
    expect(file.irVersion).toBeLessThanOrEqual(13)
    const isFourBit = [...file.graph.initializers.values()].some(({ dtype }) => /int4$/.test(dtype))
    if (isFourBit) expect(file.irVersion).toBeGreaterThanOrEqual(10)
    expect(numbersOf(await runModel(result, smallFeeds, 'all'), 'y').every(Number.isFinite)).toBe(true)
  })

  it('blocks run, with what the engine needs for 8-bit ones', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 32]] },
      outputs: { y: ['float32', [4, 8]] },
      initializers: { w: weight(1, 32, 8) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const feeds = { x: floats([4, 32], random(3, 4, 32)) }
    const options = { ...REFERENCE, blockSize: 16, granularity: 'tensor' } as const
    const bytes = await apply(model, options, testContext({ calibration: samples(feeds) }))
    expect(bytes.sessionOptions).toEqual({ 'session.disable_quant_qdq': '1' })
    expect(bytes.model.graph.initializers.get('w_scale')?.dims).toEqual([2, 8])
    const nibbles = await apply(model, { ...options, weightType: 'int4' }, testContext({ calibration: samples(feeds) }))
    expect(nibbles.sessionOptions).toBeUndefined()
    const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
    const got = numbersOf(await runModel(bytes.model, feeds, 'disabled'), 'y')
    expect(measureError(truth, got).sqnrDb).toBeGreaterThan(MIN_SQNR_DB)
  })
})

describe('C43: traps of files', () => {
  it('nodes without names can be kept in float one by one', async () => {
    const unnamed = (opType: string, inputs: string[], outputs: string[]): Node => ({
      ...node(opType, inputs, outputs),
      name: '',
    })
    const model = around(['y'], [unnamed('Conv', ['x', 'w'], ['h']), unnamed('Conv', ['h', 'v'], ['y'])], {
      v: weight(5, 4, 4, 1, 1),
    })
    const result = await quantize(model, imageFeeds, { excludeNodes: ['h'] })
    expect(result.graph.initializers.has('w') && result.graph.initializers.has('v_quantized')).toBe(true)
  })

  it('a weight that the caller may override is no constant', async () => {
    const model = buildModel({
      inputs: { ...image, w: ['float32', [4, 4, 1, 1]] },
      outputs: { y: ['float32'] },
      initializers: { w: weight(1, 4, 4, 1, 1) },
      nodes: [node('Conv', ['x', 'w'], ['y'])],
    })
    const result = await quantize(model, { x: [-1, 1], w: [-1, 1], y: [-1, 1] })
    expect(result.graph.initializers.has('w_quantized')).toBe(false)
    expect(nodeNamed(result, 'w_QuantizeLinear')?.inputs[0]).toBe('w')
  })

  it('names in the branches of an If do not collide with those that are new', async () => {
    const branch = (op: string) => ({
      kind: 'graph' as const,
      value: buildGraph({
        name: op,
        outputs: { x_scale: ['float32'] },
        nodes: [node(op, ['c'], ['t']), node('Neg', ['t'], ['x_scale'])],
      }),
    })
    const model = buildModel({
      inputs: { ...image, k: ['bool', []] },
      outputs: { y: ['float32'] },
      initializers: { w: weight(1, 4, 4, 1, 1) },
      nodes: [
        node('Conv', ['x', 'w'], ['c']),
        node('If', ['k'], ['i'], { then_branch: branch('Abs'), else_branch: branch('Sigmoid') }),
        node('Add', ['c', 'i'], ['y']),
      ],
    })
    const feeds = { ...imageFeeds, k: { dtype: 'bool', dims: [], data: Uint8Array.of(1) } as const }
    const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
    const got = numbersOf(await runModel(await quantize(model, feeds), feeds, 'all'), 'y')
    expect(measureError(truth, got).sqnrDb).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('weights in Constant nodes and behind Identity are weights', async () => {
    const model = around(
      ['y'],
      [
        node('Constant', [], ['k'], { value: { kind: 'tensor', value: weight(1, 4, 4, 1, 1) } }),
        node('Identity', ['w'], ['alias']),
        node('Conv', ['x', 'k'], ['h']),
        node('Conv', ['h', 'alias'], ['y']),
      ],
    )
    const result = await quantize(model, imageFeeds)
    expect(result.graph.initializers.has('k_quantized') && result.graph.initializers.has('w_quantized')).toBe(true)
    expect(count(result, 'Constant') + count(result, 'Identity')).toBe(0)
  })

  it('a weight of a Conv and a Gather is quantized for each', async () => {
    const model = around(['y', 'g'], [node('Conv', ['x', 'w'], ['y']), node('Gather', ['w', 'rows'], ['g'])], {
      rows: tensor('int64', [2], [1, 3]),
    })
    const result = await quantize(model, imageFeeds)
    const forms = [...result.graph.initializers.values()].filter(({ name }) => name.startsWith('w_quantized'))
    expect(forms.map(({ dtype }) => dtype)).toEqual(['int8', 'uint8'])
    const shared = nodeNamed(result, 'g_QuantizeLinear')?.inputs[1] ?? ''
    expect(constant(result, shared)).toHaveLength(1)
    const truth = numbersOf(await runModel(model, imageFeeds, 'disabled'), 'g')
    const got = numbersOf(await runModel(result, imageFeeds, 'all'), 'g')
    expect(measureError(truth, got).sqnrDb).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('a second run changes nothing', async () => {
    const once = await quantize(small, smallFeeds)
    expect((await apply(once, REFERENCE, testContext())).model).toBe(once)
  })
})
