// What the options select and reduce, and the numbers of the specification for dynamic quantization (C13, C14).

import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { numbersIn } from '../../../tests/fixtures/tensor-numbers'
import { testContext } from '../../../tests/fixtures/test-context'
import { random } from '../../../tests/fixtures/random'
import { float } from '../../core/model/node'
import { defaultOptions } from '../../core/options/parse-options'
import { apply } from './apply'
import type { DynamicOptions } from './plan'
import { quantizeLikeEngine } from './reference'
import { spec } from './spec'
import { opTypes } from '../../../tests/fixtures/op-types'

const DEFAULTS: DynamicOptions = defaultOptions(spec.options)
/** Conformance C14 of the specification: input, integers, scale, zero point. */
const C14: readonly (readonly [readonly number[], readonly number[], number, number])[] = [
  [[0, 2, -3, -2.5, 1.34, 0.5], [153, 255, 0, 26, 221, 179], 0.019607843831181526, 153],
  [[-1, -2.1, -1.3, -2.5, -3.34, -4], [191, 121, 172, 96, 42, 0], 0.01568627543747425, 255],
  [[1, 2.1, 1.3, 2.5, 3.34, 4], [64, 134, 83, 159, 213, 255], 0.01568627543747425, 0],
  [[0, 0, 0], [0, 0, 0], 1, 0],
]

describe('quantize-dynamic by the specification', () => {
  it('follows conformance C13: structure, a shared input, a product of activations, a Gemm with alpha', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 32]], z: ['float32', [24, 3]] },
      outputs: { y: ['float32'], u: ['float32'], p: ['float32'], q: ['float32'] },
      initializers: {
        w: tensor('float32', [24, 32], random(768, 1)),
        b: tensor('float32', [24], random(24, 2)),
        v: tensor('float32', [32, 8], random(256, 3)),
      },
      nodes: [
        node('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 }),
        node('MatMul', ['x', 'v'], ['u']),
        node('MatMul', ['y', 'z'], ['p']),
        node('Gemm', ['x', 'v'], ['q'], { alpha: float(0.5) }),
      ],
    })
    const { model: quantized } = await apply(model, { ...DEFAULTS, layout: 'reference' }, testContext())
    const made = opTypes(quantized).toSorted()
    const product = ['MatMulInteger', 'Cast', 'Mul', 'Mul']
    const expected = ['DynamicQuantizeLinear', ...product, 'Add', ...product, 'MatMul', 'Gemm']
    expect(made).toEqual(expected.toSorted())
    const { initializers } = quantized.graph
    expect(initializers.get('w_quantized')).toMatchObject({ dtype: 'int8', dims: [32, 24] })
    expect(numbersIn(initializers.get('w_zero_point'))).toEqual(Array(24).fill(0))
    expect(Math.max(...numbersIn(initializers.get('w_quantized')).map(Math.abs))).toBe(127)
  })

  it.each(C14)(
    'follows conformance C14 in the engine and in the reference twin: %j',
    async (x, q, scale, zeroPoint) => {
      const model = buildModel({
        inputs: { x: ['float32', [x.length]] },
        outputs: { q: ['uint8'], s: ['float32'], z: ['uint8'] },
        nodes: [node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z'])],
      })
      const made = await runModel(model, { x: floats([x.length], x) })
      expect(['q', 's', 'z'].map((name) => numbersOf(made, name))).toEqual([q, [scale], [zeroPoint]])
      expect(quantizeLikeEngine(x)).toEqual({ q, scale, zeroPoint })
    },
  )
})

describe('the options of quantize-dynamic', () => {
  it('takes one bit less for weights when asked', async () => {
    const product = buildModel({
      inputs: { x: ['float32', [4, 32]] },
      outputs: { y: ['float32'] },
      initializers: { w: tensor('float32', [32, 24], random(768, 1)) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const largest = async (reduceRange: boolean, weightType: 'int8' | 'uint8'): Promise<number> => {
      const { model } = await apply(product, { ...DEFAULTS, reduceRange, weightType }, testContext())
      return Math.max(...numbersIn(model.graph.initializers.get('w_quantized')).map(Math.abs))
    }
    expect([await largest(true, 'int8'), await largest(false, 'int8')]).toEqual([64, 127])
    expect([await largest(true, 'uint8'), await largest(false, 'uint8')]).toEqual([127, 255])
  })

  it('touches only the operators and nodes that were asked for, and says what it left', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [4, 32]] },
      outputs: { y: ['float32'], z: ['float32'] },
      initializers: { w: tensor('float32', [32, 24], random(768, 1)), v: tensor('float32', [32, 24], random(768, 2)) },
      nodes: [
        { ...node('MatMul', ['x', 'w'], ['y']), name: 'one' },
        { ...node('Gemm', ['x', 'v'], ['z']), name: 'two' },
      ],
    })
    const left = async (options: Partial<DynamicOptions>): Promise<string[]> => {
      const { model: quantized } = await apply(model, { ...DEFAULTS, ...options }, testContext())
      return opTypes(quantized).filter((op) => op === 'MatMul' || op === 'Gemm')
    }
    expect(await left({ operators: ['MatMul'] })).toEqual(['Gemm'])
    expect(await left({ operators: ['MatMul'], layout: 'reference' })).toEqual([])
    expect(await left({ nodes: ['two'] })).toEqual(['MatMul'])
    expect(await left({ excludeNodes: ['two'] })).toEqual(['Gemm'])
    const { notes } = await apply(model, { ...DEFAULTS, excludeNodes: ['two', 'three'] }, testContext())
    expect(notes.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['warning', 'three'],
      ['skipped', 'two'],
      ['changed', 'one'],
    ])
    const wrong = await apply(model, { ...DEFAULTS, operators: ['Softmax'] }, testContext())
    expect(wrong.model).toBe(model)
    expect(wrong.notes[0]).toMatchObject({ kind: 'warning', subject: 'Softmax' })
  })
})
