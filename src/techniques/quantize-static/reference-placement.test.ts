// Numbers of the conformance list of the specification (C10-C12, C16, C17) and the structure of mixed precision.

import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, runModel } from '../../../tests/fixtures/run-model'
import {
  TOOLKIT,
  quantize,
  constant,
  nodeNamed,
  makerOf,
  count,
  weight,
  small,
  smallFeeds,
  imageFeeds,
  around,
} from '../../../tests/fixtures/reference-placement'
import { onnxOpset } from '../../core/model/model'
import { intAttribute } from '../../core/model/node'

describe('C10: the defaults of the toolkit', () => {
  it('give its scales, zero points, weights and biases', async () => {
    const result = await quantize(small, smallFeeds, TOOLKIT)
    expect(count(result, 'Relu')).toBe(0)
    expect(makerOf(result, 'y_QuantizeLinear_Input')?.opType).toBe('Conv')
    expect(makerOf(result, 'y')?.name).toBe('y_DequantizeLinear')
    expect(constant(result, 'x_scale')).toEqual([0.01568627543747425])
    expect(constant(result, 'x_zero_point')).toEqual([-64])
    expect(constant(result, 'w_scale')).toEqual([0.007874015718698502])
    expect(constant(result, 'w_quantized')).toEqual([64, -127, 32, 16])
    expect(constant(result, 'b_quantized')).toEqual([810, -1619])
    expect(constant(result, 'b_quantized_scale')).toEqual([0.00012351397890597582])
    expect(constant(result, 'b_quantized_zero_point')).toEqual([0])
    expect(constant(result, 'y_scale')).toEqual([0.0013865547953173518])
    expect(constant(result, 'y_zero_point')).toEqual([-128])
  })
})

describe('C11: variants', () => {
  it('uint8 activations, int8 weights per channel', async () => {
    const result = await quantize(small, smallFeeds)
    expect(constant(result, 'w_scale')).toEqual([0.007874015718698502, 0.0019685039296746254])
    expect(constant(result, 'w_quantized')).toEqual([64, -127, 127, 64])
    expect(constant(result, 'b_quantized')).toEqual([810, -6477])
    expect(constant(result, 'x_zero_point')).toEqual([64])
    expect(constant(result, 'y_zero_point')).toEqual([0])
    const dequantize = nodeNamed(result, 'w_DequantizeLinear')
    expect(dequantize && intAttribute(dequantize, 'axis', -1)).toBe(0)
  })

  it('uint8 on both sides', async () => {
    const result = await quantize(small, smallFeeds, { weightType: 'uint8', granularity: 'tensor' })
    expect(constant(result, 'w_scale')).toEqual([0.0058823530562222])
    expect(constant(result, 'w_zero_point')).toEqual([170])
    expect(constant(result, 'w_quantized')).toEqual([255, 0, 212, 191])
    expect(constant(result, 'b_quantized')).toEqual([1084, -2167])
  })

  it('int4 weights below opset 21, in operators of com.microsoft', async () => {
    const result = await quantize(small, smallFeeds, { ...TOOLKIT, weightType: 'int4' })
    expect(constant(result, 'w_scale')).toEqual([0.13333334028720856])
    expect(constant(result, 'b_quantized')).toEqual([48, -96])
    const stored = result.graph.initializers.get('w_quantized')
    expect([stored?.dtype, stored?.data]).toMatchObject(['int4', { bytes: Uint8Array.of(0x94, 0x12) }])
    const domains = result.graph.nodes.filter(({ opType }) => /antizeLinear/.test(opType)).map(({ domain }) => domain)
    expect(new Set(domains)).toEqual(new Set(['com.microsoft']))
    expect([onnxOpset(result), result.opsets.get('com.microsoft')]).toEqual([17, 1])
    expect((await runModel(result, smallFeeds, 'all'))['y']?.dims).toEqual([1, 2, 2, 2])
  })
})

describe('C12: a bias that would overflow int32', () => {
  const tiny = buildModel({
    inputs: { x: ['float32', [1, 1, 1, 2]] },
    outputs: { y: ['float32', [1, 1, 1, 2]] },
    initializers: { w: tensor('float32', [1, 1, 1, 1], [1e-7]), b: tensor('float32', [1], [1000]) },
    nodes: [node('Conv', ['x', 'w', 'b'], ['y'])],
  })
  const feeds = { x: floats([1, 1, 1, 2], [-1, 1]) }

  it('raises the scale of the weight', async () => {
    const result = await quantize(tiny, feeds, TOOLKIT)
    expect(constant(result, 'x_scale')).toEqual([0.007843137718737125])
    expect(constant(result, 'w_scale')).toEqual([5.937774767517112e-5])
    expect(constant(result, 'w_quantized')).toEqual([0])
    expect(constant(result, 'b_quantized')).toEqual([2147268974])
    expect(constant(result, 'b_quantized_scale')).toEqual([4.6570784206778626e-7])
  })

  it('is cut off where that is switched off', async () => {
    const result = await quantize(tiny, feeds, { ...TOOLKIT, adjustWeightForBias: false })
    expect(constant(result, 'w_scale')).toEqual([7.874015883757579e-10])
    expect(constant(result, 'w_quantized')).toEqual([127])
    expect(constant(result, 'b_quantized')).toEqual([2147483647])
  })
})

describe('C16: values that pass through', () => {
  it('share one scale and zero point along a chain', async () => {
    const model = around(
      ['y'],
      [
        node('Conv', ['x', 'w'], ['c']),
        node('MaxPool', ['c'], ['m'], { kernel_shape: [2, 2] }),
        node('Reshape', ['m', 'shape'], ['r']),
        node('Transpose', ['r'], ['y'], { perm: [1, 0] }),
      ],
      { shape: tensor('int64', [2], [6, 6]) },
    )
    const result = await quantize(model, imageFeeds)
    const params = ['c', 'm', 'r', 'y'].map((name) => nodeNamed(result, `${name}_QuantizeLinear`)?.inputs.slice(1))
    expect(params).toEqual(Array(4).fill(['c_scale', 'c_zero_point']))
    expect([...result.graph.initializers.keys()].filter((name) => /^[mry]_/.test(name))).toEqual([])
  })

  it('stay in float where their input is not quantized, unless that is asked for', async () => {
    const model = around(['y'], [node('Reshape', ['x', 'shape'], ['y'])], { shape: tensor('int64', [2], [8, 8]) })
    expect(count(await quantize(model, imageFeeds), 'QuantizeLinear')).toBe(0)
    const forced = await quantize(model, imageFeeds, { forcePassThrough: true })
    expect(nodeNamed(forced, 'y_QuantizeLinear')?.inputs[1]).toBe('x_scale')
  })
})

describe('C17: rules of single operators', () => {
  it('Softmax has the range 0 to 1 unmeasured', async () => {
    const model = around(['y'], [node('Softmax', ['x'], ['y'])])
    const result = await quantize(model, { x: [-1, 1] })
    expect(constant(result, 'y_scale')).toEqual([0.003921568859368563])
    expect(constant(result, 'y_zero_point')).toEqual([0])
  })

  it('a scalar beside Add is an activation', async () => {
    const model = around(['y'], [node('Add', ['x', 'k'], ['y'])], { k: tensor('float32', [], [0.3]) })
    const result = await quantize(model, { x: [-1, 1], y: [-1, 1] })
    expect(constant(result, 'k_scale')).toEqual([0.0011764706578105688])
    expect(constant(result, 'k_quantized')).toEqual([255])
  })

  it.each([
    [0, 'x_scale'],
    [1, 'y_scale'],
  ])('padding with %d takes %s', async (value, scale) => {
    const model = around(['y'], [node('Pad', ['x', 'pads', 'k'], ['y'])], {
      pads: tensor('int64', [8], [0, 0, 0, 0, 0, 0, 1, 1]),
      k: tensor('float32', [], [value]),
    })
    const result = await quantize(model, { x: [-1, 1], y: [-1, 1] })
    expect(nodeNamed(result, 'y_QuantizeLinear')?.inputs[1]).toBe(scale)
  })

  it('the scale of a normalization is quantized as a whole, or per channel where asked', async () => {
    const model = around(['y'], [node('LayerNormalization', ['x', 's', 'o'], ['y'])], {
      s: weight(3, 4),
      o: weight(4, 4),
    })
    const ranges = { x: [-1, 1], y: [-1, 1] } as const
    const raised = { ...model, opsets: new Map([['', 17]]) }
    expect(constant(await quantize(raised, ranges), 's_scale')).toHaveLength(1)
    const perChannel = await quantize(raised, ranges, { normsPerChannel: true })
    expect(constant(perChannel, 's_scale')).toHaveLength(4)
    expect(constant(perChannel, 'o_quantized_scale')).toHaveLength(4)
  })

  it('a bias of two layers is quantized for each', async () => {
    const model = around(['y'], [node('Conv', ['x', 'w', 'b'], ['h']), node('Conv', ['h', 'v', 'b'], ['y'])], {
      v: weight(5, 4, 4, 1, 1),
    })
    const result = await quantize(model, imageFeeds)
    expect(result.graph.initializers.has('b_quantized') && result.graph.initializers.has('b0_quantized')).toBe(true)
    expect(constant(result, 'b_quantized_scale')).not.toEqual(constant(result, 'b0_quantized_scale'))
  })

  it('dedicated pairs are numbered', async () => {
    const model = around(
      ['y'],
      [node('Conv', ['x', 'w'], ['a']), node('Conv', ['x', 'w'], ['c']), node('Add', ['a', 'c'], ['y'])],
    )
    const result = await quantize(model, imageFeeds, { dedicatedPairs: true })
    expect(makerOf(result, 'a')?.inputs[0]).toBe('x_DequantizeLinear_Output_1')
    expect(makerOf(result, 'c')?.inputs[0]).toBe('x_DequantizeLinear_Output_2')
    expect(nodeNamed(result, 'x_QuantizeLinear_2')?.inputs).toEqual(['x', 'x_scale', 'x_zero_point'])
  })

  it('excluded outputs keep a Relu behind them in float', async () => {
    const result = await quantize(small, smallFeeds, { excludeOutputs: ['Conv'] })
    expect([count(result, 'QuantizeLinear'), count(result, 'Relu')]).toEqual([1, 1])
  })

  it('a Clip above zero stays, as integers do not saturate at its bound', async () => {
    const model = around(['y'], [node('Conv', ['x', 'w'], ['c']), node('Clip', ['c', 'low'], ['y'])], {
      low: tensor('float32', [], [0.25]),
    })
    expect(count(await quantize(model, imageFeeds), 'Clip')).toBe(1)
  })

  it('a Relu stays whose output may be negative in integers', async () => {
    const overrides = { y: [{ quantType: 'int8', symmetric: true }] } as const
    expect(count(await quantize(small, smallFeeds, { overrides }), 'Relu')).toBe(1)
    expect(count(await quantize(small, smallFeeds, { activationSymmetric: true }), 'Relu')).toBe(1)
    expect(count(await quantize(small, smallFeeds, { keepRemovable: true }), 'Relu')).toBe(1)
  })
})

describe('mixed precision', () => {
  const model = around(
    ['y', 'q'],
    [node('Conv', ['x', 'w'], ['h']), node('Sigmoid', ['h'], ['y']), node('Mul', ['h', 'h'], ['q'])],
  )
  const ranges = { x: [-1, 1], h: [-2, 2], y: [0, 1], q: [0, 4] } as const

  it('gives all readers the other type behind a second pair', async () => {
    const result = await quantize(model, ranges, { overrides: { h: [{ convert: { quantType: 'uint16' } }] } })
    expect(nodeNamed(result, 'h_convert_QuantizeLinear')?.inputs).toEqual([
      'h_DequantizeLinear_Output',
      'h_scale_convert',
      'h_zero_point_convert',
    ])
    expect(makerOf(result, 'q_QuantizeLinear_Input')?.inputs).toEqual(
      Array(2).fill('h_convert_DequantizeLinear_Output'),
    )
    expect(result.graph.initializers.get('h_zero_point_convert')).toMatchObject({
      dtype: 'uint16',
      data: { bytes: Uint8Array.of(0, 0x80) },
    })
  })

  it('leaves the others the first type, with a DequantizeLinear of their own', async () => {
    const convert = { quantType: 'uint16' as const, receivers: ['q'] }
    const named = {
      ...model,
      graph: { ...model.graph, nodes: model.graph.nodes.map((each) => ({ ...each, name: '' })) },
    }
    const result = await quantize(named, ranges, { overrides: { h: [{ convert }] } })
    expect(makerOf(result, 'y_QuantizeLinear_Input')?.inputs).toEqual(['h_DequantizeLinear_Output'])
    const clone = nodeNamed(result, 'h_convert_clone_DequantizeLinear')
    expect(clone?.inputs).toEqual(['h_QuantizeLinear_Output', 'h_scale', 'h_zero_point'])
    expect(nodeNamed(result, 'h_convert_QuantizeLinear')?.inputs[0]).toBe(clone?.outputs[0])
  })

  it('hands out a graph output in the type that all readers get, else in the first', async () => {
    const open = around(['h', 'y'], [node('Conv', ['x', 'w'], ['h']), node('Sigmoid', ['h'], ['y'])])
    const all = await quantize(open, ranges, { overrides: { h: [{ convert: { quantType: 'uint16' } }] } })
    expect(makerOf(all, 'h')?.name).toBe('h_convert_DequantizeLinear')
    const none = await quantize(open, ranges, {
      overrides: { h: [{ convert: { quantType: 'uint16', receivers: [] } }] },
    })
    expect(makerOf(none, 'h')?.name).toBe('h_DequantizeLinear')
  })
})
