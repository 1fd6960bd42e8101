// The algorithms on the examples of the specification: bytes and numbers that onnxruntime.quantization 1.30 gave, and what each promises.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { tensor } from '../../../tests/fixtures/build-model'
import { tensorBytes, viewAs } from '../../core/model/tensor'
import type { BlockAlgorithm, BlockBits, BlockCodes, BlockRequest } from './block-codes'
import type { BlockMethod } from './choose-algorithm'
import { halfQuadraticGrid, hqq } from './hqq'
import { incRounding } from './inc-rounding'
import { kQuant } from './k-quant'
import { linearBlocks } from './linear-blocks'
import { packWeight, type PackedForm } from './pack-weight'
import { roundToNearest, roundToNearestQdq } from './round-to-nearest'
import { roundTable } from './table-rounding'

/** Evenly spaced float32 values from `first` to `last`, as numpy.linspace makes them. */
const linspace = (first: number, last: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i * ((last - first) / (count - 1)))

/** Two output channels of 16 inputs: the W16 of the examples. */
const W16 = [linspace(-1, 2, 16), linspace(0.1, 0.85, 16)]
const EIGHT = [-1, -0.5, 0, 0.25, 0.5, 1, 1.5, 2]
const SIXTEEN = [...EIGHT, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 3]

const requestOf = (rows: readonly number[][], rest: Omit<BlockRequest, 'rows' | 'n' | 'k'>): BlockRequest => ({
  ...rest,
  rows: Float32Array.from(rows.flat()),
  n: rows.length,
  k: rows[0]?.length ?? 0,
})

function run(algorithm: BlockAlgorithm, request: BlockRequest): BlockCodes {
  const codes = algorithm(request)
  if (!codes) throw new Error('The example holds a value that is not finite.')
  return codes
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const LEAST_FLOAT = 1e-9

interface Example {
  readonly rows: readonly number[][]
  readonly bits: BlockBits
  readonly symmetric: boolean
  readonly form?: PackedForm
  readonly layout?: 'rows' | 'columns'
}

const NBITS: BlockMethod = { algorithm: 'rtn', format: 'matmul-nbits', role: 'matrix' }
const QDQ: BlockMethod = { algorithm: 'rtn', format: 'qdq', role: 'matrix' }
const TABLE: BlockMethod = { algorithm: 'rtn', format: 'matmul-nbits', role: 'table' }

/** Packs with the stored bytes laid out as the example wants them. */
async function pack(method: BlockMethod, { rows, bits, symmetric, form = 'blobs', layout = 'columns' }: Example) {
  const [n, k] = [rows.length, rows[0]?.length ?? 0]
  const stored =
    layout === 'rows' ? rows.flat() : Array.from({ length: n * k }, (_, i) => rows[i % n]?.[Math.floor(i / n)] ?? NaN)
  const weight = {
    tensor: { ...tensor('float32', layout === 'rows' ? [n, k] : [k, n], stored), name: 'w' },
    ...({ role: 'matrix', n, k, layout, readers: [] } as const),
  }
  const grid = { bits, symmetric, blockSize: 16 }
  const packed = await packWeight(weight, grid, form, method, { checkpoint: () => Promise.resolve() })
  if (!packed) throw new Error('The example holds a value that is not finite.')
  return {
    codes: hex(tensorBytes(packed.codes)),
    dims: packed.codes.dims,
    dtype: packed.codes.dtype,
    scales: [...viewAs(tensorBytes(packed.scales), Float32Array)],
    zeroPoints: packed.zeroPoints && hex(tensorBytes(packed.zeroPoints)),
    zeroPointDims: packed.zeroPoints?.dims,
  }
}

describe('rounding to nearest for MatMulNBits', () => {
  it.each([
    [4, true, [-0.25, -0.10625000298023224], undefined, 'bcaa8967563422017766554433221100'],
    [4, false, [0.20000000298023224, 0.05666666850447655], '8580', '1032547698badcfe32446587a9bbdcfe'],
    [
      ...([8, true, [-0.015625, -0.006640625186264515], undefined] as const),
      'c0b3a69a8d8073665a4d4033261a0d007169625a534b443c352d261e170f0800',
    ],
    [
      ...([8, false, [0.0117647061124444, 0.0033333334140479565], '5500'] as const),
      '00112233445566778899aabbccddeeff1e2d3c4b5a69788796a5b4c3d2e1f0ff',
    ],
    [2, true, [-1, -0.42500001192092896], undefined, 'bfaa55016a551500'],
    [2, false, [1, 0.28333333134651184], 'a9a8', '4055aafe5495aafe'],
  ] as const)('has the bytes of the reference in %i bits, symmetric %s (C23-C25)', async (...example) => {
    const [bits, symmetric, scales, zeroPoints, codes] = example
    const packed = await pack(NBITS, { rows: W16, bits, symmetric })
    expect(packed).toMatchObject({ codes, scales, zeroPoints, dtype: 'uint8', dims: [2, 1, 2 * bits] })
    expect(packed).toEqual(await pack(NBITS, { rows: W16, bits, symmetric, layout: 'rows' }))
  })

  it('fills the last block of a row with zeros and the last zero points with the middle (C26)', async () => {
    const packed = await pack(NBITS, { rows: [linspace(-1, 2, 40)], bits: 4, symmetric: false })
    expect(packed.scales).toEqual([0.07692307978868484, 0.0923076942563057, 0.13333334028720856])
    expect(packed.zeroPoints).toBe('0d80')
    expect(packed.codes).toBe('1032547698badcfe33547688a9cbddfecbdcedfe00000000')
  })

  it('meets the definition for any numbers: codes within the range, and none more than half a step off', () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
      minLength: 1,
      maxLength: 50,
    })
    const property = (row: number[], bits: BlockBits, symmetric: boolean): void => {
      const request = requestOf([row], { blockSize: 16, bits, symmetric })
      const { codes, scales, zeroPoints } = run(roundToNearest, request)
      const top = 2 ** bits - 1
      row.forEach((value, i) => {
        const [block, code] = [Math.floor(i / 16), codes[i] ?? NaN]
        const scale = scales[block] ?? NaN
        const error = (code - (zeroPoints ? (zeroPoints[block] ?? NaN) : 2 ** (bits - 1))) * scale - value
        // Symmetric grids lack the step at the far end; asymmetric ones lose up to half a step there by the rounding of the zero point.
        const isAtTheEnd = code === top || code === 0
        expect(Math.abs(error)).toBeLessThanOrEqual(Math.abs(scale) * (isAtTheEnd ? 1.001 : 0.501) + LEAST_FLOAT)
      })
    }
    fc.assert(fc.property(values, fc.constantFrom<BlockBits>(2, 4, 8), fc.boolean(), property), { numRuns: 300 })
  })

  it('gives a block of zeros the middle code, and values too small for a scale as well', () => {
    for (const value of [0, 1e-44, -1e-42]) {
      const row = Array.from({ length: 16 }, () => value)
      const { codes } = run(roundToNearest, requestOf([row], { blockSize: 16, bits: 4, symmetric: true }))
      expect([...codes]).toEqual(row.map(() => 8))
    }
  })
})

describe('rounding to nearest for DequantizeLinear', () => {
  it.each([
    [true, 'int4', 'f4f3e2e2d1d0cfcebebdacab9a9a8988', [-0.25, -0.10625000298023224], undefined],
    [false, 'uint4', '203142435465768798a9babbccddeeff', [0.20000000298023224, 0.05666666850447655], '05'],
  ] as const)(
    'has the bytes of the reference, symmetric %s (C27)',
    async (symmetric, dtype, codes, scales, zeroPoints) => {
      const packed = await pack(QDQ, { rows: W16, bits: 4, symmetric, form: 'elements' })
      expect(packed).toMatchObject({ codes, dtype, scales, zeroPoints, dims: [16, 2] })
      expect(packed.zeroPointDims).toEqual(symmetric ? undefined : [1, 2])
    },
  )

  it('has the parameters of the static quantizer in blocks (C9)', () => {
    const weight = [
      [1, 3, -5, 0.5],
      [-2, 4, 6, 0],
    ]
    const int8 = run(linearBlocks, requestOf(weight, { blockSize: 2, bits: 8, symmetric: true }))
    const scales = [0.023622047, 0.039370079, 0.031496063, 0.047244094]
    int8.scales.forEach((scale, i) => expect(scale).toBeCloseTo(scales[i] ?? NaN, 8))
    expect(int8.zeroPoints).toBeUndefined()
    expect([...int8.codes]).toEqual([170, 255, 1, 141, 64, 255, 255, 128])
    const uint4 = run(linearBlocks, requestOf(weight, { blockSize: 3, bits: 4, symmetric: false }))
    expect([...uint4.scales]).toEqual([0.53333336, 0.033333335, 0.53333336, 1].map(Math.fround))
    expect([...(uint4.zeroPoints ?? [])]).toEqual([9, 0, 4, 0])
  })
})

describe('rounding of tables', () => {
  const table = linspace(-1, 2, 32)
  const rows = [table.slice(0, 16), table.slice(16)]
  it.each([
    [true, 'int4', '98aacbddfe102143deddccbbabaa9988', [0.125, -0.25], undefined],
    [
      ...([false, 'uint4', '1032547698badcfe54668798bacbedfe'] as const),
      ...([[0.09677419811487198, 0.13333334028720856], '0a'] as const),
    ],
  ] as const)(
    'has the bytes of the reference, symmetric %s (C28)',
    async (symmetric, dtype, codes, scales, zeroPoints) => {
      const example = { rows, bits: 4, symmetric, form: 'elements', layout: 'rows' } as const
      expect(await pack(TABLE, example)).toMatchObject({ codes, dtype, scales, zeroPoints, dims: [2, 16] })
    },
  )
})

describe('the other algorithms', () => {
  const one = (row: readonly number[], symmetric: boolean): BlockRequest =>
    requestOf([[...row]], { blockSize: row.length, bits: 4, symmetric })

  it('rtn-inc rounds as Neural Compressor (C30)', () => {
    const asymmetric = run(incRounding, one(EIGHT, false))
    expect([...asymmetric.codes]).toEqual([0, 2, 5, 6, 8, 10, 12, 15])
    expect([[...asymmetric.scales], [...(asymmetric.zeroPoints ?? [])]]).toEqual([[Math.fround(0.2)], [5]])
    const symmetric = run(incRounding, one(EIGHT, true))
    expect([...symmetric.codes]).toEqual([4, 6, 8, 9, 10, 12, 14, 15])
    expect([[...symmetric.scales], symmetric.zeroPoints]).toEqual([[Math.fround(4 / 15)], undefined])
  })

  it('k-quant finds the grid of the reference (C31)', () => {
    const { codes, scales, zeroPoints } = run(kQuant, one(SIXTEEN, false))
    expect([...codes]).toEqual([0, 2, 4, 5, 6, 8, 10, 11, 4, 5, 5, 5, 6, 7, 7, 15])
    expect(scales[0]).toBeCloseTo(0.26901814, 7)
    expect([...(zeroPoints ?? [])]).toEqual([4])
  })

  it('HQQ finds the fractional zero point of the original before it is rounded (C32)', () => {
    const { inverseScale, zeroPoints } = halfQuadraticGrid(Float32Array.from(EIGHT), 8, 4)
    const last = zeroPoints.at(-1) ?? NaN
    expect([1 / inverseScale, last]).toEqual([expect.closeTo(0.2, 7), expect.closeTo(4.78125, 6)])
    expect(EIGHT.map((value) => Math.max(0, Math.round(value * inverseScale + last)))).toEqual([
      0, 2, 5, 6, 7, 10, 12, 15,
    ])
  })

  const squaredError = (row: readonly number[], codes: ArrayLike<number>, scale: number, zeroPoint: number): number =>
    row.reduce((sum, value, i) => sum + ((Number(codes[i]) - zeroPoint) * scale - value) ** 2, 0)
  const clip = (value: number): number => Math.min(Math.max(value, 0), 15)

  it('HQQ is never worse than the original with its zero point rounded afterwards', () => {
    const values = fc.array(fc.float({ noNaN: true, min: -2, max: 2 }), { minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(values, (row) => {
        const { inverseScale, zeroPoints } = halfQuadraticGrid(Float32Array.from(row), 16, 4)
        const rounded = clip(Math.round(zeroPoints.at(-1) ?? NaN))
        const scale = Math.fround(1 / inverseScale)
        const original = row.map((value) => clip(Math.round(value / scale + rounded)))
        const own = run(hqq, one(row, false))
        const error = squaredError(row, own.codes, own.scales[0] ?? NaN, own.zeroPoints?.[0] ?? NaN)
        const limit = squaredError(row, original, scale, rounded)
        expect(error).toBeLessThanOrEqual(limit * (1 + 1e-6) + LEAST_FLOAT)
      }),
      { numRuns: 300 },
    )
  })

  it('keep values of one sign, which the originals lose', () => {
    const row = linspace(2.5, 3, 16)
    for (const algorithm of [incRounding, kQuant, hqq]) {
      const { codes, scales, zeroPoints } = run(algorithm, one(row, false))
      row.forEach((value, i) => {
        const restored = ((codes[i] ?? NaN) - (zeroPoints?.[0] ?? NaN)) * (scales[0] ?? NaN)
        expect(Math.abs(restored - value)).toBeLessThan(0.15)
      })
    }
  })

  it.each([roundToNearest, roundToNearestQdq, linearBlocks, roundTable, incRounding, kQuant, hqq])(
    '%o refuses what is not finite',
    (algorithm) => {
      for (const value of [NaN, Infinity, -Infinity]) {
        for (const at of [0, 7, 15]) {
          const row = SIXTEEN.with(at, value)
          expect(algorithm(one(row, false))).toBeUndefined()
          if (algorithm !== kQuant && algorithm !== hqq) expect(algorithm(one(row, true))).toBeUndefined()
        }
      }
    },
  )
})
