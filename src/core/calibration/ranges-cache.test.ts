import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRanges, writeRangesCache } from './ranges-cache'

/** What `save_tensors_data` of onnxruntime 1.30 writes; the second tensor as its percentile calibration gives it. */
const CACHE = `{"CLS": "TensorsData", "data": {"x": {"lowest": {"data": [-1.100000023841858], "dtype": "float32", "CLS": "numpy.array"},
  "highest": {"data": [2.299999952316284], "dtype": "float32", "CLS": "numpy.array"}, "CLS": "TensorData"},
  "y \\"q\\"": {"lowest": -0.5, "highest": {"data": 3.0, "dtype": "float32", "CLS": "numpy.array"}, "hist": 3, "bins": 4, "CLS": "TensorData"}},
  "calibration_method": {"CLS": "CalibrationMethod", "value": "CalibrationMethod.MinMax"}, "smooth_quant": false}`

const held = (data: unknown) => ({ data, dtype: 'float32', CLS: 'numpy.array' })
const cacheOf = (tensor: unknown, more = {}) => ({ CLS: 'TensorsData', data: { x: tensor }, ...more })

describe('files of ranges', () => {
  it('reads the cache of the reference', () => {
    expect(parseRanges(CACHE)).toEqual({ x: [Math.fround(-1.1), Math.fround(2.3)], 'y "q"': [-0.5, 3] })
  })

  it('reads plain pairs as float32', () => {
    expect(parseRanges('{"x": [0.1, 1], "z": [0, 0]}')).toEqual({ x: [Math.fround(0.1), 1], z: [0, 0] })
  })

  it('writes what the reference would, to the letter', () => {
    const { x } = parseRanges(CACHE)
    const written = JSON.parse(writeRangesCache({ x: x ?? [0, 0] }))
    const expected = JSON.parse(CACHE)
    expect(written).toEqual({ ...expected, data: { x: expected.data.x } })
  })

  it('reads back what it wrote', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true })
    const range = fc.tuple(float, float).map(([a, b]): [number, number] => (a <= b ? [a, b] : [b, a]))
    const name = fc.string({ minLength: 1 }).filter((text) => !['__proto__', 'constructor', 'prototype'].includes(text))
    fc.assert(
      fc.property(fc.dictionary(name, range), (ranges) => {
        // JSON has no negative zero.
        const unsigned = Object.entries(ranges).map(([key, [min, max]]) => [key, [min + 0, max + 0]])
        expect(parseRanges(writeRangesCache(ranges))).toEqual(Object.fromEntries(unsigned))
      }),
    )
  })

  it.each([
    ['{"x": [0, NaN]}', undefined, /not JSON/],
    [JSON.stringify([1]), 'ranges', /expected an object of ranges/],
    [JSON.stringify({ x: [1] }), 'x[1]', /a number/],
    [JSON.stringify({ x: [0, '1'] }), 'x[1]', /is "1", expected a number/],
    [JSON.stringify({ x: [0, 1e300] }), 'x[1]', /finite float32/],
    [JSON.stringify({ x: [2, 1] }), 'x', /not above/],
    [JSON.stringify({ x: null }), 'x', /pair/],
    [JSON.stringify({ CLS: 'TensorsDate', data: {} }), 'CLS', /TensorsData/],
    [JSON.stringify({ CLS: 'TensorsData' }), 'data', /expected/],
    [JSON.stringify(cacheOf({ lowest: held([0]) })), 'data.x.highest', /expected/],
    [JSON.stringify(cacheOf({ lowest: held([0, 1]), highest: held([2, 3]) })), 'data.x.lowest', /one range/],
    [JSON.stringify(cacheOf({ lowest: held([3]), highest: held([2]) })), 'data.x', /not above/],
    [JSON.stringify(cacheOf({ lowest: 0, highest: 1 }, { smooth_quant: true })), 'smooth_quant', /SmoothQuant/],
  ])('refuses %s', (text, path, message) => {
    expect(() => parseRanges(text)).toThrowError(
      expect.objectContaining({
        code: 'recipe/invalid',
        message: expect.stringMatching(message),
        details: expect.objectContaining(path === undefined ? {} : { path }),
      }),
    )
  })
})
