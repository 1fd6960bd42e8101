import { describe, expect, it } from 'vitest'

import { buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { SMALL_MODELS } from '../../tests/fixtures/small-models'
import type { Model } from '../core/model/model'
import { inferShapes } from '../core/model/infer-shapes'
import { graphMacs } from '../core/report/node-cost'
import { fittedDimensions } from '../data/fitted-dimensions'
import { measureWorkload, WORKLOAD_CLASSES } from './workload'

const weight = (...dims: number[]) =>
  tensor('float32', dims, new Array<number>(dims.reduce((product, dim) => product * dim, 1)).fill(0.5))

/** One convolution of each kind on 4 × 4 pictures. */
const convolutions: Model = buildModel({
  inputs: { x: ['float32', [1, 4, 4, 4]] },
  outputs: { y: ['float32', [1, 8, 4, 4]] },
  initializers: { a: weight(4, 4, 3, 3), b: weight(4, 1, 3, 3), c: weight(8, 4, 1, 1), d: weight(8, 4, 3, 3) },
  nodes: [
    node('Conv', ['x', 'a'], ['p'], { pads: [1, 1, 1, 1] }),
    node('Conv', ['p', 'b'], ['q'], { pads: [1, 1, 1, 1], group: 4 }),
    node('Conv', ['q', 'c'], ['r']),
    node('Conv', ['r', 'd'], ['y'], { pads: [1, 1, 1, 1], group: 2 }),
  ],
})

/** Products of 2, 64 and 64 rows, the last one of two activations; the first weight is looked up, too. */
const products: Model = buildModel({
  inputs: { few: ['float32', [2, 16]], many: ['float32', ['n', 16]], ids: ['int64', [3]] },
  outputs: { y: ['float32', [2, 8]], z: ['float32', ['n', 'n']], rows: ['float32', [3, 8]] },
  initializers: { w: weight(16, 8), table: weight(10, 8) },
  nodes: [
    node('MatMul', ['few', 'w'], ['y']),
    node('MatMul', ['many', 'w'], ['h']),
    node('Transpose', ['h'], ['t'], { perm: [1, 0] }),
    node('MatMul', ['h', 't'], ['z']),
    node('Gather', ['table', 'ids'], ['rows']),
  ],
})

describe('the workload of a model', () => {
  it('tells the kinds of convolutions apart; grouped ones are others', () => {
    const { macs, bytes } = measureWorkload(convolutions, {})
    expect(macs).toEqual({
      ...{ conv3x3: 16 * 4 * 36, depthwise: 16 * 4 * 9, conv1x1: 16 * 8 * 4, other: 16 * 8 * 36 },
      ...{ matvec: 0, matmul: 0 },
    })
    expect(bytes).toEqual({ conv3x3: 4 * 144, depthwise: 4 * 36, conv1x1: 4 * 32, matvec: 0, matmul: 0 })
  })

  it('goes by the number of rows, counts a shared weight once, and tables apart', () => {
    const { macs, bytes, embeddingBytes, totalBytes, matvecNodes } = measureWorkload(products, { n: 64 })
    expect(macs).toMatchObject({ matvec: 2 * 128, matmul: 64 * 128, other: 64 * 64 * 8 })
    expect(bytes.matvec + bytes.matmul).toBe(4 * 128)
    expect(embeddingBytes).toBe(4 * 80)
    expect(totalBytes).toBe(4 * 208)
    // Without a name a node goes by its first output.
    expect(matvecNodes).toHaveLength(1)
    expect(measureWorkload(products, { n: 4 }).matvecNodes).toHaveLength(2)
  })

  it('says when a size is not known', () => {
    expect(measureWorkload(products, {}).isComplete).toBe(false)
    expect(measureWorkload(products, { n: 1 }).isComplete).toBe(true)
  })

  it('adds up to what the report of a model says', () => {
    for (const { name, model } of SMALL_MODELS) {
      const sizes = fittedDimensions(model)
      const total = graphMacs(model.graph, inferShapes(model, { freeDimensions: sizes }))
      const { macs, isComplete } = measureWorkload(model, sizes)
      const sum = WORKLOAD_CLASSES.reduce((so, kind) => so + macs[kind], 0)
      // Branches are counted both here, and the dearer one there; a body that repeats once here.
      const hasBodies = model.graph.nodes.some(({ opType }) => ['If', 'Loop', 'Scan'].includes(opType))
      if (isComplete && !hasBodies) expect(sum, name).toBe(total)
    }
  })
})
