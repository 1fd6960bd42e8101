import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../model/tensor'
import { channelRanges } from './channel-ranges'
import { unpackSubByte } from './pack-sub-byte'
import { blockParams, middleZeroPoint, quantParams, type QuantDType } from './quant-params'
import { quantizeBias, quantizeChannels, quantizeValue, quantizeWith } from './quantize'
import { channelLayout } from './scale-layout'

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
      Int32Array.of(zeroPoint),
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

  it('finds the channel also where a chunk ends inside a run', () => {
    // 3 channels of 10,000 values: chunk borders fall inside channels.
    const values = Float32Array.from({ length: 30_000 }, (_, i) => (Math.floor(i / 10_000) + 1) * (i % 2 ? 1 : -1))
    const result = quantizeChannels(misaligned(values, 1), channelLayout([3, 100, 100], 0), 'int8', { symmetric: true })
    expect(result && [...result.scales]).toEqual([1 / 127, 2 / 127, 3 / 127].map(Math.fround))
    expect(result?.values.every((q) => q === 127 || q === -127)).toBe(true)
  })
})

/** The scale of each element by its index along the axis, as ONNX defines it. */
function scaleIndices(dims: readonly number[], axis: number | undefined, blockSize: number | undefined): number[] {
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (axis === undefined) return new Array<number>(count).fill(0)
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const length = dims[axis] ?? 0
  return Array.from({ length: count }, (_, i) => {
    const along = Math.floor(i / inner) % length
    if (blockSize === undefined) return along
    const line = Math.floor(i / (inner * length))
    return (line * Math.ceil(length / blockSize) + Math.floor(along / blockSize)) * inner + (i % inner)
  })
}

describe('every integer type, axis and block size', () => {
  const types: readonly QuantDType[] = ['int4', 'uint4', 'int8', 'uint8', 'int16', 'uint16']
  const tensors = fc.record({
    dims: fc.array(fc.integer({ min: 1, max: 11 }), { minLength: 1, maxLength: 4 }),
    axis: fc.option(fc.nat(3), { nil: undefined }),
    blockSize: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    offset: fc.nat(3),
    symmetric: fc.boolean(),
    reduceRange: fc.boolean(),
    seed: fc.integer({ min: 1, max: 1e6 }),
  })

  it.each(types)('%s: integers, scales and zero points are those of the plain formulas', (dtype) => {
    fc.assert(
      fc.property(tensors, ({ dims, offset, symmetric, reduceRange, seed, ...wanted }) => {
        const axis = wanted.axis === undefined || wanted.axis >= dims.length ? undefined : wanted.axis
        const blockSize = axis === undefined ? undefined : wanted.blockSize
        const index = scaleIndices(dims, axis, blockSize)
        const values = Float32Array.from(index, (_, i) => 3 * Math.sin(seed + i * 1.7) * (i % 5 === 0 ? 0.01 : 1))
        const options = { symmetric, reduceRange, isBlocked: blockSize !== undefined }
        const layout = channelLayout(dims, axis, blockSize)
        const result = quantizeChannels(misaligned(values, offset), layout, dtype, options)
        expect(result?.scales.length).toBe(Math.max(...index) + 1)
        const params = Array.from(result?.scales ?? [], (_, scale) => {
          const own = values.filter((_, i) => index[i] === scale)
          const found = (blockSize ? blockParams : quantParams)(Math.min(...own), Math.max(...own), dtype, options)
          return symmetric ? { ...found, zeroPoint: middleZeroPoint(dtype, options) } : found
        })
        expect([...(result?.scales ?? [])]).toEqual(params.map(({ scale }) => scale))
        expect(result && Array.from(result.zeroPoints)).toEqual(params.map(({ zeroPoint }) => zeroPoint + 0))
        const codes = Array.from(values, (value, i) => {
          const own = params[index[i] as number] ?? { scale: NaN, zeroPoint: NaN }
          return quantizeValue(value, dtype, own) + 0
        })
        const stored = result?.values ?? []
        const isPacked = dtype === 'int4' || dtype === 'uint4'
        expect(
          isPacked ? [...unpackSubByte(Uint8Array.from(stored), 4, codes.length, dtype === 'int4')] : [...stored],
        ).toEqual(codes)
      }),
      { numRuns: 60 },
    )
  })

  it.each([
    ['rows', [7, 9001], 0, undefined],
    ['columns', [9001, 7], 1, undefined],
    ['wide columns', [6, 9001], 1, undefined],
    ['the middle axis', [5, 3, 4001], 1, undefined],
    ['blocks along rows', [9, 5003], 1, 48],
    ['blocks along columns', [5003, 9], 0, 48],
  ] as const)('finds the scale also where a chunk ends inside a group: %s', (_what, dims, axis, blockSize) => {
    const index = scaleIndices(dims, axis, blockSize)
    // The larger the index of the scale, the larger its values: each has the code 100 or -100 with its own scale only.
    const values = Float32Array.from(index, (scale, i) => (i % 3 === 0 ? -100 : 100) * (scale + 1))
    const scales = Float32Array.from({ length: Math.max(...index) + 1 }, (_, scale) => scale + 1)
    const layout = channelLayout(dims, axis, blockSize)
    const zeroPoints = new Int32Array(scales.length)
    const codes = quantizeWith(misaligned(values, 1), layout, 'int8', scales, zeroPoints)
    expect(codes.every((code, i) => code === (i % 3 === 0 ? -100 : 100))).toBe(true)
    const { min, max } = channelRanges(misaligned(values, 3), layout)
    const widest = channelRanges(misaligned(values, 2), layout, true)
    scales.forEach((scale, i) => {
      const own = [min[i], max[i], widest.min[i], widest.max[i]]
      // A scale of a short block may have seen one sign only.
      expect([0, -100 * scale]).toContain(own[0])
      expect([0, 100 * scale]).toContain(own[1])
      expect(own.slice(2)).toEqual([-100 * scale, 100 * scale])
    })
  })
})

describe('the product that stands for a quotient', () => {
  it('has the same float32 value next to every tie, where a single bit would show', () => {
    const bits = new Int32Array(1)
    const value = new Float32Array(bits.buffer)
    const layout = channelLayout([3], undefined)
    fc.assert(
      fc.property(fc.float({ min: Math.fround(1e-6), max: 1e6, noNaN: true }), fc.nat(32767), (scale, code) => {
        value[0] = scale * (code + 0.5)
        const middle = bits[0] as number
        const values = [-1, 0, 1].map((step) => {
          bits[0] = middle + step
          return value[0] as number
        })
        const params = [Float32Array.of(scale), Int32Array.of(0)] as const
        const codes = quantizeWith(bytesOf(Float32Array.from(values)), layout, 'int16', ...params)
        expect([...codes]).toEqual(values.map((x) => quantizeValue(x, 'int16', { scale, zeroPoint: 0 })))
      }),
      { numRuns: 5000 },
    )
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

  it('clips where two halves round up, so that the largest value lies beyond the type', () => {
    // Scale 1, zero point round(1.5) = 2, and round(253.5) + 2 = 256.
    const quantized = quantizeChannels(
      bytesOf(Float32Array.of(-1.5, 0, 253.5)),
      channelLayout([3], undefined),
      'uint8',
      {},
    )
    expect(quantized && [...quantized.values]).toEqual([0, 2, 255])
    const rows = bytesOf(Float32Array.of(-1.5, 0, 253.5, 255))
    const columns = quantizeChannels(rows, channelLayout([2, 2], 1), 'uint8', {})
    expect(columns && [...columns.values]).toEqual([0, 0, 255, 255])
  })

  it('keeps one zero point for all symmetric channels, all-zero ones too', () => {
    const result = quantizeChannels(bytesOf(Float32Array.of(0, 0, -1, 2)), channelLayout([2, 2], 0), 'uint8', {
      symmetric: true,
    })
    expect(result?.zeroPoints).toEqual(Int32Array.of(128, 128))
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
