import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../model/tensor'
import { quantParams, type QuantDType } from './quant-params'
import { channelLayout, channelRanges, quantizeBias, quantizeChannels, quantizeValue, quantizeWith } from './quantize'

const V = [-1, -0.5, 0, 0.3, 0.7, 1.5, 2.5, 3]
const plainZero = (values: ArrayLike<number>) => Array.from(values, (value) => value + 0)

describe('quantizeValue', () => {
  it.each<[QuantDType, boolean, number[]]>([
    ['uint8', false, [0, 32, 64, 83, 109, 160, 223, 255]],
    ['int8', true, [-42, -21, 0, 13, 30, 64, 106, 127]],
    ['int8', false, [-128, -96, -64, -45, -19, 32, 95, 127]],
    ['uint4', false, [0, 2, 4, 5, 7, 10, 13, 15]],
    ['int4', true, [-2, -1, 0, 1, 2, 4, 6, 7]],
    ['int16', true, [-10922, -5461, 0, 3277, 7646, 16384, 27306, 32767]],
  ])('agrees with the reference for %s, symmetric %s', (dtype, symmetric, expected) => {
    const params = quantParams(-1, 3, dtype, { symmetric })
    expect(plainZero(V.map((value) => quantizeValue(value, dtype, params)))).toEqual(expected)
  })
})

describe('quantizeWith', () => {
  const quantize = (values: number[], dtype: 'int8' | 'uint8', scale: number, zeroPoint: number) => [
    ...quantizeWith(
      bytesOf(Float32Array.from(values)),
      channelLayout([values.length], undefined),
      dtype,
      Float32Array.of(scale),
      [zeroPoint],
    ),
  ]

  it('rounds ties to even and saturates', () => {
    const values = [0.5, 1.5, 2.5, 3.5, -0.5, 254.5, 255.5, 300]
    expect(quantize(values, 'uint8', 1, 0)).toEqual([0, 2, 2, 4, 0, 254, 255, 255])
    expect(quantize([0.5, 1.5, -2.5, -200], 'int8', 1, 3)).toEqual([3, 5, 1, -128])
  })

  it('saturates values far beyond the range of the type', () => {
    expect(quantize([1e30, -1e30, Infinity, -Infinity], 'int8', 1e-6, 0)).toEqual([127, -128, 127, -128])
  })

  it('reproduces the numerics of DynamicQuantizeLinear', () => {
    const cases = [
      { x: [0, 2, -3, -2.5, 1.34, 0.5], q: [153, 255, 0, 26, 221, 179], scale: 0.019607843831181526, zeroPoint: 153 },
      {
        x: [-1, -2.1, -1.3, -2.5, -3.34, -4],
        q: [191, 121, 172, 96, 42, 0],
        scale: 0.01568627543747425,
        zeroPoint: 255,
      },
      { x: [1, 2.1, 1.3, 2.5, 3.34, 4], q: [64, 134, 83, 159, 213, 255], scale: 0.01568627543747425, zeroPoint: 0 },
      { x: [0, 0], q: [0, 0], scale: 1, zeroPoint: 0 },
    ]
    for (const { x, q, scale, zeroPoint } of cases) {
      const result = quantizeChannels(bytesOf(Float32Array.from(x)), channelLayout([x.length], undefined), 'uint8', {})
      expect(result && [...result.values]).toEqual(q)
      expect(result && [result.scales[0], result.zeroPoints[0]]).toEqual([scale, zeroPoint])
    }
  })

  it('gives what the plain formula gives, for any axis, alignment and length', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
    const run = fc.record({ dims: shapes, axis: fc.nat(3), offset: fc.nat(3), signed: fc.boolean(), seed: fc.nat() })
    fc.assert(
      fc.property(run, ({ dims, axis, offset, signed, seed }) => {
        const layout = channelLayout(dims, axis < dims.length ? axis : undefined)
        const inner = axis < dims.length ? dims.slice(axis + 1).reduce((product, dim) => product * dim, 1) : 1
        const count = dims.reduce((product, dim) => product * dim, 1)
        const values = Float32Array.from({ length: count }, (_, i) => 3 * Math.sin(seed + i * 1.7))
        const dtype = signed ? 'int8' : 'uint8'
        const result = quantizeChannels(misaligned(values, offset), layout, dtype, { symmetric: signed })
        values.forEach((value, i) => {
          const channel = Math.floor(i / inner) % layout.scales
          const scale = result?.scales[channel] as number
          const zeroPoint = result?.zeroPoints[channel] as number
          expect(result?.values[i]).toBe(quantizeValue(value, dtype, { scale, zeroPoint }) + 0)
        })
      }),
    )
  })

  it('finds the channel also where a chunk ends inside a run', () => {
    // 3 channels of 10,000 values: chunk borders fall inside channels.
    const values = Float32Array.from({ length: 30_000 }, (_, i) => (Math.floor(i / 10_000) + 1) * (i % 2 ? 1 : -1))
    const result = quantizeChannels(misaligned(values, 1), channelLayout([3, 100, 100], 0), 'int8', { symmetric: true })
    expect(result && [...result.scales]).toEqual([1 / 127, 2 / 127, 3 / 127].map(Math.fround))
    expect(result?.values.every((q) => q === 127 || q === -127)).toBe(true)
  })
})

describe('channelRanges', () => {
  it('reports values that are not finite', () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      for (const axis of [0, 1, undefined]) {
        const bytes = bytesOf(Float32Array.of(1, 2, value, 4))
        expect(channelRanges(bytes, channelLayout([2, 2], axis)).isFinite).toBe(false)
        expect(quantizeChannels(bytes, channelLayout([2, 2], axis), 'int8', { symmetric: true })).toBeUndefined()
      }
    }
  })

  it('gives empty channels the range zero', () => {
    const ranges = channelRanges(new Uint8Array(0), channelLayout([2, 0], 0))
    expect(ranges).toEqual({ min: Float32Array.of(0, 0), max: Float32Array.of(0, 0), isFinite: true })
  })
})

describe('quantizeChannels', () => {
  it('gives blocks along axis 0 the scales of the reference', () => {
    // Blocks of two rows of [[1, -2], [3, 4], [-5, 6], [.5, 0]], each column a block, transposed so that a block is a run.
    const blocks = Float32Array.of(1, 3, -2, 4, -5, 0.5, 6, 0)
    const result = quantizeChannels(bytesOf(blocks), channelLayout([4, 2], 0), 'int8', { symmetric: true })
    const scales = [0.023622047, 0.031496063, 0.039370079, 0.047244094]
    scales.forEach((scale, i) => expect(result?.scales[i]).toBeCloseTo(scale, 8))
  })

  it('keeps one zero point for all symmetric channels, all-zero ones too', () => {
    const result = quantizeChannels(bytesOf(Float32Array.of(0, 0, -1, 2)), channelLayout([2, 2], 0), 'uint8', {
      symmetric: true,
    })
    expect(result?.zeroPoints).toEqual([128, 128])
    expect(result?.values.subarray(0, 2)).toEqual(Uint8Array.of(128, 128))
  })
})

describe('channelLayout', () => {
  it('counts negative axes from the end and refuses axes that do not exist', () => {
    expect(channelLayout([2, 3, 4], -1)).toEqual(channelLayout([2, 3, 4], 2))
    expect(channelLayout([2, 3, 4], 1)).toMatchObject({ scales: 3, groupSize: 4 })
    expect(() => channelLayout([2, 3], 2)).toThrowError(expect.objectContaining({ code: 'model/invalid' }))
  })
})

describe('quantizeBias', () => {
  it('divides in float64 and saturates at int32', () => {
    const scale = Math.fround(Math.fround(0.007843137718737125) * Math.fround(7.874015883757579e-10))
    expect([...quantizeBias(Float32Array.of(1000, -1000), Float32Array.of(scale))]).toEqual([2147483647, -2147483648])
    expect([...quantizeBias(Float32Array.of(1000), Float32Array.of(4.6570784206778626e-7))]).toEqual([2147268974])
  })
})

function misaligned(values: Float32Array, offset: number): Uint8Array {
  const bytes = new Uint8Array(values.byteLength + offset)
  bytes.set(bytesOf(values), offset)
  return bytes.subarray(offset)
}
