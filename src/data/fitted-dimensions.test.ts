import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { fittedDimensions } from './fitted-dimensions'

/** Adds a table of `positions` rows, cut to the length of the input, as BERT's exporters write it. */
const encoder = (positions: number) =>
  buildModel({
    inputs: { tokens: ['float32', ['batch', 'sequence', 4]] },
    outputs: { y: ['float32', ['batch', 'sequence', 4]] },
    initializers: {
      table: tensor('float32', [1, positions, 4], Array<number>(positions * 4).fill(0)),
      one: tensor('int64', [1], [1]),
      two: tensor('int64', [1], [2]),
      zero: tensor('int64', [1], [0]),
    },
    nodes: [
      node('Shape', ['tokens'], ['shape']),
      node('Slice', ['shape', 'one', 'two', 'zero'], ['length']),
      node('Slice', ['table', 'zero', 'length', 'one'], ['positions']),
      node('Add', ['tokens', 'positions'], ['y']),
    ],
  })

describe('sizes for open dimensions', () => {
  it('are the defaults where the model takes them', () => {
    expect(fittedDimensions(encoder(512))).toEqual({ batch: 1, sequence: 128 })
  })

  it.each([
    [64, 64],
    [77, 64],
    [20, 16],
  ])('are halved until a table of %i positions suffices', (positions, sequence) => {
    expect(fittedDimensions(encoder(positions))).toEqual({ batch: 1, sequence })
  })

  it('stay as they are where no size helps', () => {
    const model = buildModel({
      inputs: { x: ['float32', ['batch', 'sequence', 4]], w: ['float32', [3]] },
      outputs: { y: ['float32', ['batch', 'sequence', 4]] },
      nodes: [node('Add', ['x', 'w'], ['y'])],
    })
    expect(fittedDimensions(model)).toEqual({ batch: 1, sequence: 128 })
  })

  it('of a model without open dimensions are none', () => {
    const model = buildModel({
      inputs: { x: ['float32', [1, 4]] },
      outputs: { y: ['float32', [1, 4]] },
      nodes: [node('Softmax', ['x'], ['y'], { axis: 1 })],
    })
    expect(fittedDimensions(model)).toEqual({})
  })
})
