import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { LabError } from '../errors/lab-error'
import { decodeModel } from '../onnx/decode'
import { joinParts } from '../numeric/join-parts'
import type { PassContext } from '../pass/pass-context'
import { observeValues, spreadIndices, type Observer } from './observe'
import { leastMagnitudeObserver, moveTowards, meanRange, rangeObserver, symmetric, widest, type Range } from './ranges'

/** x → Relu → r → Gemm → y */
const model = buildModel({
  inputs: { x: ['float32', ['n', 2]] },
  outputs: { y: ['float32', ['n', 1]] },
  initializers: { w: tensor('float32', [2, 1], [1, -2]) },
  nodes: [node('Relu', ['x'], ['r']), node('Gemm', ['r', 'w'], ['y'])],
})
const data = (...rows: readonly (readonly number[])[]) => ({
  source: 'test',
  size: rows.length,
  sample: (index: number) => {
    const values = rows[index] ?? []
    return Promise.resolve({ x: floats([values.length / 2, 2], values) })
  },
})

/** Xᵀ X of the rows of a value. */
function gramObserver(value: string): Observer & { readonly gram: Float64Array } {
  const gram = new Float64Array(4)
  return {
    value,
    gram,
    attach: (draft) => {
      const [transposed, product] = [draft.freshName('t'), draft.freshName('g')]
      draft.addNode({ opType: 'Transpose', inputs: [value], outputs: [transposed] })
      draft.addNode({ opType: 'MatMul', inputs: [transposed, value], outputs: [product] })
      return [{ name: product, type: { kind: 'tensor', dtype: 'float32', shape: [2, 2] } }]
    },
    fold: ([result]) => gram.forEach((sum, index) => (gram[index] = sum + Number(result?.data[index]))),
  }
}

describe('observing values', () => {
  it('hands every observer its results, sample by sample, in shapes of any kind', async () => {
    const x = rangeObserver('x')
    const y = rangeObserver('y')
    const gram = gramObserver('r')
    const least = leastMagnitudeObserver('x')
    await observeValues(model, [x, gram, y, least], data([1, -2], [3, 4, -5, 1]), [0, 1], testContext())
    expect(x.perSample).toEqual([
      [-2, 1],
      [-5, 4],
    ])
    expect(y.perSample).toEqual([
      [1, 1],
      [-5, -2],
    ])
    expect([...gram.gram]).toEqual([1 + 9, 12, 12, 16 + 1])
    expect(least.least()).toBe(1)
  })

  it('ends the graph with the observers of the values that are made first, which ONNX Runtime runs first', async () => {
    let parts: readonly Uint8Array[] = []
    const infer: PassContext['infer'] = {
      open: (opened) => {
        parts = opened
        return testContext().infer.open(opened)
      },
    }
    await observeValues(model, ['x', 'r', 'y'].map(rangeObserver), data([1, 1]), [0], testContext({ infer }))
    const order = decodeModel(joinParts(parts)).graph.nodes.map(({ opType, inputs }) => `${opType} ${inputs[0]}`)
    const reductions = (value: string) => ['ReduceMin', 'ReduceMax', 'ReduceSum'].map((opType) => `${opType} ${value}`)
    expect(order).toEqual(['Relu x', 'Gemm r', ...['y', 'r', 'x'].flatMap(reductions)])
  })

  it('reports its progress', async () => {
    const fractions: number[] = []
    const context = testContext({ progress: (fraction) => fractions.push(fraction) })
    await observeValues(model, [rangeObserver('x')], data([1, 1], [1, 1]), [0, 1], context)
    expect(fractions).toEqual([0, 0.5, 1])
  })

  it('stops at a cancel and closes its session', async () => {
    const cancelled = new LabError('job/cancelled', 'Cancelled.')
    let isClosed = false
    const session = {
      inputNames: [],
      outputNames: [],
      run: () => Promise.resolve({}),
      close: () => Promise.resolve(void (isClosed = true)),
    }
    const infer = { open: () => Promise.resolve(session) }
    const context = testContext({ checkpoint: () => Promise.reject(cancelled), infer })
    await expect(observeValues(model, [rangeObserver('x')], data([1, 1]), [0], context)).rejects.toBe(cancelled)
    expect(isClosed).toBe(true)
  })

  it.each([NaN, Infinity, -Infinity])(
    'names the value that takes %d, also where a reduction would swallow it',
    async (value) => {
      const observed = observeValues(model, [rangeObserver('x')], data([1, 1, value, 1]), [0], testContext())
      await expect(observed).rejects.toThrowError(
        expect.objectContaining({ code: 'data/invalid', details: { tensor: 'x' } }),
      )
    },
  )

  it('spreads samples evenly over the data', () => {
    expect(spreadIndices(10, 4)).toEqual([0, 2, 5, 7])
    expect(spreadIndices(3, 128)).toEqual([0, 1, 2])
    expect(() => spreadIndices(0, 1)).toThrowError(expect.objectContaining({ code: 'recipe/needs-calibration' }))
  })
})

describe('ranges of several samples (C18)', () => {
  const samples: readonly Range[] = [
    [-1, 2],
    [-3, 1],
    [-0.5, 4],
  ]

  it('are the widest, symmetric or their mean', () => {
    expect(widest(samples)).toEqual([-3, 4])
    expect(symmetric(widest(samples))).toEqual([-4, 4])
    expect(meanRange(samples)).toEqual([-1.5, Math.fround(7 / 3)])
  })

  it('move by the averaging constant from call to call', () => {
    expect(moveTowards([-1, 2], [-3, 1], 0.01)).toEqual([Math.fround(-1.02), Math.fround(1.99)])
  })
})
