import { describe, expect, it } from 'vitest'
import { blockParams, middleZeroPoint, quantParams, type QuantDType, type QuantParamOptions } from './quant-params'
import { roundHalfEven } from './rounding'

type Case = readonly [
  dtype: QuantDType,
  min: number,
  max: number,
  options: QuantParamOptions,
  scale: number,
  zero: number,
]

/** Values of onnxruntime.quantization 1.30; float32 scales to the last bit. */
const EIGHT_BITS: readonly Case[] = [
  ['uint8', -1, 3, {}, 0.01568627543747425, 64],
  ['int8', -1, 3, {}, 0.01568627543747425, -64],
  ['int8', -1, 3, { symmetric: true }, 0.023622047156095505, 0],
  ['uint8', -1, 3, { symmetric: true }, 0.0235294122248888, 128],
  ['uint8', 0.5, 3, {}, 0.0117647061124444, 0],
  ['int8', 0.5, 3, {}, 0.0117647061124444, -128],
  ['uint8', -3, -0.5, {}, 0.0117647061124444, 255],
  ['uint8', Math.fround(-0.3), Math.fround(0.7), {}, 0.003921568859368563, 77],
  ['uint8', Math.fround(-6.1), Math.fround(6.3), {}, 0.048627451062202454, 125],
]
const OTHER_WIDTHS: readonly Case[] = [
  ['uint16', -1, 3, {}, 6.103608757257462e-5, 16384],
  ['int16', -1, 3, { symmetric: true }, 9.155552834272385e-5, 0],
  ['uint16', -1, 3, { symmetric: true }, 9.155413135886192e-5, 32768],
  ['int4', -1, 3, { symmetric: true }, 0.4000000059604645, 0],
  ['int4', -1, 3, {}, 0.2666666805744171, -4],
  ['uint4', -1, 3, {}, 0.2666666805744171, 4],
  ['uint4', -1, 3, { symmetric: true }, Math.fround(0.4), 8],
]
const SPECIAL: readonly Case[] = [
  ['uint8', -1, 3, { reduceRange: true }, 0.031496062874794006, 32],
  ['int8', -1, 3, { reduceRange: true, symmetric: true }, 0.046875, 0],
  ['int8', -1, 3, { reduceRange: true }, 0.03125, -32],
  ['uint8', 0, 0, {}, 1, 0],
  ['uint8', 0, 0, { symmetric: true }, 1, 0],
  ['int8', 0, 0, {}, 1, 0],
  ['uint8', 0, Math.fround(1e-38), {}, 1, 0],
  ['uint8', 0, 0, { minRealRange: 1e-4 }, 3.921568634268624e-7, 0],
  ['uint8', 0, 0, { minRealRange: 1e-4, symmetric: true }, 7.843137268537248e-7, 128],
]

describe('quantParams', () => {
  it.each([...EIGHT_BITS, ...OTHER_WIDTHS, ...SPECIAL])(
    'agrees with the reference for %s [%d, %d] %j',
    (...[dtype, min, max, options, scale, zeroPoint]) => {
      expect(quantParams(min, max, dtype, options)).toEqual({ scale, zeroPoint })
    },
  )

  it.each([
    [NaN, 1],
    [0, NaN],
    [-Infinity, 0],
    [0, Infinity],
    [-3e38, 3e38],
  ])('refuses the range %d to %d', (min, max) => {
    expect(() => quantParams(min, max, 'uint8')).toThrowError(expect.objectContaining({ code: 'data/invalid' }))
  })
})

describe('restricted parameters', () => {
  it.each([
    [-1, 3, 128, 3 / 127],
    [0.5, 3, 0, 3 / 255],
    [-3, 1, 128, 3 / 128],
    [0, 0, 0, 1 / 255],
  ])('take zero point 0 or 128 for the range %d to %d', (min, max, zeroPoint, scale) => {
    expect(quantParams(min, max, 'uint8', { restricted: true })).toEqual({ scale: Math.fround(scale), zeroPoint })
  })

  it('keep the smallest range, and say nothing about other types and symmetric data', () => {
    const scale = Math.fround(0.51 / 255)
    expect(quantParams(0, 0.25, 'uint8', { restricted: true, minRealRange: 0.51 })).toEqual({ scale, zeroPoint: 0 })
    expect(quantParams(-1, 3, 'int8', { restricted: true })).toEqual(quantParams(-1, 3, 'int8'))
    const symmetric = { symmetric: true }
    expect(quantParams(0, 3, 'uint8', { ...symmetric, restricted: true })).toEqual(
      quantParams(0, 3, 'uint8', symmetric),
    )
  })
})

describe('blockParams', () => {
  it('keeps the middle zero point for a symmetric block of zeros, and 0 for another', () => {
    expect(blockParams(0, 0, 'uint4', { symmetric: true })).toEqual({ scale: 1, zeroPoint: 8 })
    expect(blockParams(0, 0, 'uint4')).toEqual({ scale: 1, zeroPoint: 0 })
  })

  it('takes the zero point from the rounded scale', () => {
    // -min / scale is 57.5 and a bit, but less with the scale rounded to float32. Values of onnxruntime.quantization 1.30.
    const [min, max] = [-0.3605879843235016, 1.2385413646697998]
    expect(quantParams(min, max, 'uint8').zeroPoint).toBe(58)
    expect(blockParams(min, max, 'uint8').zeroPoint).toBe(57)
  })

  it('refuses a range that float32 cannot hold', () => {
    expect(() => blockParams(-3e38, 3e38, 'int8')).toThrowError(expect.objectContaining({ code: 'data/invalid' }))
  })
})

describe('middleZeroPoint', () => {
  it('is the zero point of symmetric data', () => {
    const types: readonly QuantDType[] = ['int4', 'uint4', 'int8', 'uint8', 'int16', 'uint16']
    for (const reduceRange of [false, true]) {
      for (const dtype of types) {
        const { zeroPoint } = quantParams(-1, 3, dtype, { symmetric: true, reduceRange })
        expect(middleZeroPoint(dtype, { reduceRange })).toBe(zeroPoint)
      }
    }
  })
})

describe('roundHalfEven', () => {
  it('sends ties to the even neighbour', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5].map(roundHalfEven)).toEqual([-2, -2, 0, 0, 2, 2, 4])
  })

  it('rounds everything else to the nearest integer', () => {
    expect([-1.51, -0.49, 0.49, 0.51, 1e15 + 0.75].map(roundHalfEven)).toEqual([-2, 0, 0, 1, 1e15 + 1])
  })
})
