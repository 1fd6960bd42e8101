import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { inferShapes } from '../../core/model/infer-shapes'
import { defaultOptions } from '../../core/options/parse-options'
import { checkOptions } from './check-options'
import { spec, type StaticOptions } from './spec'

const model = buildModel({
  inputs: { x: ['float32', [1, 2, 4, 4]] },
  outputs: { y: ['float32'] },
  initializers: {
    w: tensor('float32', [3, 2, 1, 1], [1, 2, 3, 4, 5, 6]),
    shape: tensor('int64', [2], [3, 16]),
  },
  nodes: [node('Conv', ['x', 'w'], ['c']), node('Reshape', ['c', 'shape'], ['y'])],
})
const check = (options: Partial<StaticOptions>) => () =>
  checkOptions(model.graph, inferShapes(model), { ...defaultOptions(spec.options), ...options })
const at = (path: string) =>
  expect.objectContaining({ code: 'options/invalid', details: expect.objectContaining({ path }) })

describe('overrides are refused', () => {
  const scale = { scale: 0.1, zeroPoint: 0 }
  it.each<[string, StaticOptions['overrides']]>([
    ['.nothing', { nothing: [{ quantType: 'int8' }] }],
    ['.shape', { shape: [{ quantType: 'int8' }] }],
    ['.x[0].zeroPoint', { x: [{ scale: 0.1 }] }],
    ['.x[0].scale', { x: [{ zeroPoint: 0 }] }],
    ['.x[0].min', { x: [{ ...scale, min: 0 }] }],
    ['.x[0].symmetric', { x: [{ ...scale, symmetric: false }] }],
    ['.x[0].min', { x: [{ min: 1, max: 0 }] }],
    ['.x[0].zeroPoint', { x: [{ ...scale, quantType: 'int8', zeroPoint: 128 }] }],
    ['.x[0].reduceRange', { x: [{ reduceRange: true }] }],
    ['.x[0].axis', { x: [{ axis: 0 }] }],
    ['.x', { x: [{}, {}] }],
    ['.w[0].axis', { w: [{}, {}, {}] }],
    ['.w[0].axis', { w: [{ axis: 4 }] }],
    ['.w', { w: [{ axis: 0 }, {}] }],
    ['.w[1].quantType', { w: [{ axis: 0 }, { quantType: 'uint8' }, {}] }],
    ['.w[2].scale', { w: [{ axis: 0, ...scale }, scale, {}] }],
    ['.w[0].convert', { w: [{ convert: { quantType: 'int16' } }] }],
    ['.c[0].convert.quantType', { c: [{ convert: { quantType: 'uint8' } }] }],
    ['.c[0].convert.reduceRange', { c: [{ convert: { quantType: 'int8', reduceRange: true } }] }],
    ['.c[0].convert.zeroPoint', { c: [{ convert: { quantType: 'int8', scale: 1 } }] }],
    ['.c[0].convert.receivers[0]', { c: [{ convert: { quantType: 'int8', receivers: ['Conv'] } }] }],
  ])('at %s: %j', (path, overrides) => {
    expect(check({ overrides })).toThrowError(at(`options.overrides${path}`))
    // The tensor after a good one is looked at as well, where the reference stops at the first.
    expect(check({ overrides: { y: [{ quantType: 'int8' }], ...overrides } })).toThrowError(
      at(`options.overrides${path}`),
    )
  })

  it('unless they fit the model', () => {
    const name = model.graph.nodes[1]?.name ?? ''
    const overrides: StaticOptions['overrides'] = {
      x: [{ quantType: 'uint16', symmetric: true }],
      c: [{ convert: { quantType: 'int8', receivers: [name || 'y'], ...scale } }],
      w: [
        { axis: 0, min: -1, max: 1 },
        { min: -1, max: 2 },
        { min: 0, max: 2 },
      ],
      y: [],
    }
    expect(check({ overrides })).not.toThrow()
  })
})

it('types and forms that no engine takes together are refused', () => {
  expect(check({ activationType: 'int8', weightType: 'uint8' })).toThrowError(at('options.weightType'))
  expect(check({ blockSize: 16, contribOps: true })).toThrowError(at('options.contribOps'))
})
