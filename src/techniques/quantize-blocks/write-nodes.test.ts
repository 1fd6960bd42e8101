// What stands in the graph afterwards, what is left alone and why.

import { describe, expect, it } from 'vitest'

import {
  weight,
  quantize,
  noteTexts,
  find,
  required,
  nBitsWeight,
  agreement,
  product,
} from '../../../tests/fixtures/block-models'
import { random } from '../../../tests/fixtures/random'
import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import type { Model } from '../../core/model/model'
import { subgraphs } from '../../core/model/node'
import { tensorBytes, viewAs } from '../../core/model/tensor'
import type { BlockOptions } from './plan'

describe('the graph', () => {
  it('stores a weight that several products read once', async () => {
    const model = buildModel({
      inputs: { a: ['float32', [1, 32]], b: ['float32', [2, 32]] },
      outputs: { y: ['float32', [1, 8]], z: ['float32', [2, 8]] },
      initializers: { w: weight([32, 8]) },
      nodes: [node('MatMul', ['a', 'w'], ['y']), node('MatMul', ['b', 'w'], ['z'])],
    })
    const { model: quantized } = await quantize(model)
    expect([...quantized.graph.initializers.keys()]).toEqual(['w_Q4', 'w_scales', 'w_zero_points'])
    const [first, second] = quantized.graph.nodes
    expect(first?.inputs.slice(1)).toEqual(second?.inputs.slice(1))
  })

  const branches = (format: BlockOptions['format']) => {
    const body = (name: string): ModelParts => ({
      name,
      outputs: { [`${name}_y`]: ['float32', [2, 8]] },
      initializers: { [`${name}_own`]: weight([8, 8], name.length) },
      nodes: [node('MatMul', ['x', 'w'], [`${name}_t`]), node('MatMul', [`${name}_t`, `${name}_own`], [`${name}_y`])],
    })
    const model = buildModel({
      inputs: { condition: ['bool', []], x: ['float32', [2, 32]] },
      outputs: { y: ['float32', [2, 8]] },
      initializers: { w: weight([32, 8]) },
      nodes: [
        node('If', ['condition'], ['y'], {
          then_branch: { kind: 'graph', value: buildGraph(body('yes')) },
          else_branch: { kind: 'graph', value: buildGraph(body('no')) },
        }),
      ],
    })
    return quantize(model, { bits: '8', blockSize: '16', format }).then(({ model: quantized }) => ({
      model,
      quantized,
    }))
  }

  it.each(['matmul-nbits', 'qdq'] as const)(
    'goes into bodies, and stores what they share outside, %s',
    async (format) => {
      const { model, quantized } = await branches(format)
      const outer = [...quantized.graph.initializers.keys()]
      expect(outer.filter((name) => /Q8$/.test(name))).toHaveLength(1)
      expect(outer).not.toContain('w')
      const bodies = quantized.graph.nodes.flatMap((candidate) => subgraphs(candidate).map(({ graph }) => graph))
      expect(
        bodies.map(({ initializers }) => [...initializers.keys()].filter((name) => /Q8$/.test(name)).length),
      ).toEqual([1, 1])
      for (const condition of [0, 1]) {
        const feeds = {
          condition: { dtype: 'bool', dims: [], data: Uint8Array.of(condition) },
          x: floats([2, 32], random(64, 9)),
        } as const
        const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
        expect(await agreement(quantized, feeds, truth)).toBeGreaterThan(35)
      }
    },
  )

  it('says so where a weight stays in float as well', async () => {
    const model = buildModel({
      inputs: { x: ['float32', [1, 32]] },
      outputs: { y: ['float32', [1, 8]], z: ['float32', [8, 32]] },
      initializers: { w: weight([32, 8]) },
      nodes: [node('MatMul', ['x', 'w'], ['y']), node('Transpose', ['w'], ['z'], { perm: [1, 0] })],
    })
    const result = await quantize(model)
    expect(noteTexts(result)).toContain('"w" stays in the file in float as well')
    expect(result.model.graph.initializers.has('w')).toBe(true)
  })

  it.each([
    ['an excluded node', product(32, 8), { excludeNodes: ['y'] }, 'among the excluded nodes'],
    ['a name that no node has', product(32, 8), { excludeNodes: ['nobody'] }, 'There is no node "nobody"'],
    ['a small weight', product(32, 8), { minElements: 1000 }, 'No weight of 1000 numbers or more'],
    [
      'NaN',
      product(32, 8, { initializers: { w: tensor('float32', [32, 8], random(256, 1).with(77, NaN)) } }),
      {},
      'not finite',
    ],
    [
      'float16',
      product(32, 8, { initializers: { w: tensor('float16', [32, 8], new Array<number>(256).fill(1)) } }),
      {},
      'of type float16',
    ],
    [
      'a stack of matrices',
      product(32, 8, {
        inputs: { x: ['float32', [2, 3, 32]] },
        outputs: { y: ['float32', [2, 3, 8]] },
        initializers: { w: weight([2, 32, 8]) },
      }),
      {},
      'a stack of matrices',
    ],
    [
      'a weight on the left',
      product(32, 8, {
        inputs: { x: ['float32', [8, 3]] },
        outputs: { y: ['float32', [32, 3]] },
        nodes: [node('MatMul', ['w', 'x'], ['y'])],
      }),
      {},
      'only the second operand',
    ],
    [
      'a transposed input',
      product(32, 8, {
        inputs: { x: ['float32', [32, 3]] },
        outputs: { y: ['float32', [3, 8]] },
        nodes: [node('Gemm', ['x', 'w'], ['y'], { transA: 1 })],
      }),
      {},
      'transA',
    ],
    [
      'another operator',
      product(32, 8, {
        inputs: { x: ['float32', [1, 2, 9, 9]] },
        outputs: { y: ['float32'] },
        initializers: { w: weight([4, 2, 3, 3]) },
        nodes: [node('Conv', ['x', 'w'], ['y'])],
      }),
      {},
      'Conv has no form with blocks',
    ],
  ] as const)('leaves %s alone and says why', async (_, model, given, reason) => {
    const result = await quantize(model, given)
    expect(noteTexts(result)).toContain(reason)
    const isUntouched = reason.startsWith('There is no node')
    expect(result.model === model).toBe(!isUntouched)
  })

  it('reads a weight whose bytes are not aligned as any other', async () => {
    const model = product(100, 33)
    const w = required(model, 'w')
    const shifted = new Uint8Array(tensorBytes(w).byteLength + 3)
    shifted.set(tensorBytes(w), 3)
    const unaligned = product(100, 33, {
      initializers: { w: { ...w, data: { kind: 'bytes', bytes: shifted.subarray(3) } } },
    })
    const codes = async (of: Model) => tensorBytes(required((await quantize(of)).model, 'w_Q4'))
    expect(Buffer.compare(await codes(model), await codes(unaligned))).toBe(0)
  })

  it('cuts a large weight into panels that leave no seam', async () => {
    // Three panels of rows and a last one of another size; k is no multiple of the streams or the block.
    const [k, n] = [2051, 200]
    const { model } = await quantize(product(k, n), { bits: '8' })
    const restored = nBitsWeight(model, find(model, 'MatMulNBits'))
    const scales = viewAs(tensorBytes(required(model, 'w_scales')), Float32Array)
    const stored = Float32Array.from(random(k * n, 1))
    let worst = 0
    for (let row = 0; row < n; row++) {
      for (let input = 0; input < k; input++) {
        const step = Math.abs(scales[row * 65 + Math.floor(input / 32)] ?? NaN)
        worst = Math.max(worst, Math.abs((restored[row * k + input] ?? NaN) - (stored[input * n + row] ?? NaN)) / step)
      }
    }
    expect(worst).toBeLessThan(1.01)
  })
})
