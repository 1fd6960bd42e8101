// GPTQ against its definition, against the numbers of a worked example, and against plain rounding: what it is for.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { LabError } from '../../core/errors/lab-error'
import { seededRng, type Rng } from '../../core/numeric/rng'
import type { BlockCodes, BlockRequest } from './block-codes'
import { factorGram, gptq } from './gptq'
import { gptqReference } from './gptq-reference'

const PAPER = { damping: 0.01, actOrder: false, gridMse: false }

/** Inputs that are correlated as those of a network: each channel mixes all of them. Returns (2 / samples) Σ x xᵀ. */
function correlatedGram(samples: number, k: number, mixing: number, rng: Rng): Float64Array {
  const mix = Float64Array.from({ length: k * k }, (_, i) => (i % (k + 1) === 0 ? 1 : 0) + mixing * rng.normal())
  const gram = new Float64Array(k * k)
  for (let sample = 0; sample < samples; sample++) {
    const plain = Float64Array.from({ length: k }, () => rng.normal())
    const x = Float64Array.from({ length: k }, (_, j) =>
      plain.reduce((sum, v, i) => sum + v * (mix[i * k + j] ?? 0), 0),
    )
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) gram[i * k + j] = (gram[i * k + j] ?? 0) + (2 / samples) * (x[i] ?? 0) * (x[j] ?? 0)
  }
  return gram
}

type Shape = Omit<BlockRequest, 'rows'>
const randomRequest = (shape: Shape, rng: Rng): BlockRequest => ({
  ...shape,
  rows: Float32Array.from({ length: shape.n * shape.k }, () => rng.normal()),
})

function decoded({ k, blockSize, bits }: BlockRequest, result: BlockCodes | undefined): Float64Array {
  const { codes, scales, zeroPoints } = done(result)
  const blocks = Math.ceil(k / blockSize)
  return Float64Array.from(codes, (code, at) => {
    const block = Math.floor(at / k) * blocks + Math.floor((at % k) / blockSize)
    return (code - (zeroPoints ? (zeroPoints[block] ?? NaN) : 2 ** (bits - 1))) * (scales[block] ?? NaN)
  })
}

function done(result: BlockCodes | undefined): BlockCodes {
  if (result) return result
  throw new Error('the weights are not finite')
}

/** ‖X (W − Q)ᵀ‖² / samples over all rows. */
function outputError(request: BlockRequest, codes: BlockCodes | undefined, gram: Float64Array): number {
  const { rows, n, k } = request
  const values = decoded(request, codes)
  let sum = 0
  for (let row = 0; row < n; row++) {
    const error = Float64Array.from({ length: k }, (_, i) => (rows[row * k + i] ?? 0) - (values[row * k + i] ?? 0))
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) sum += (error[i] ?? 0) * (gram[i * k + j] ?? 0) * (error[j] ?? 0)
  }
  return sum / 2
}

const diagonalOnly = (gram: Float64Array, k: number): Float64Array =>
  gram.map((value, at) => (at % (k + 1) === 0 ? value : 0))

/** Without correlations nothing can be taken over: what is left is rounding to the nearest. */
const rounding = (request: BlockRequest, gram: Float64Array): BlockCodes =>
  done(gptq(factorGram(diagonalOnly(gram, request.k), request.k, PAPER), PAPER)(request))

test('the worked example gives its digits', () => {
  // A third channel of its own, −2, holds the step at 0.25 and leaves the damping at 0.02.
  const gram = Float64Array.of(2, 1, 0, 1, 2, 0, 0, 0, 2)
  const request: BlockRequest = {
    ...{ rows: Float32Array.of(0.34, 0.61, -2), n: 1, k: 3 },
    ...{ blockSize: 16, bits: 4, symmetric: true },
  }
  const factor = factorGram(gram, 3, PAPER)
  const [u00 = NaN, u01 = NaN, , , u11 = NaN] = factor.upper
  expect(u00).toBeCloseTo(0.809789, 6)
  expect(u01).toBeCloseTo(-0.400886, 6)
  expect(u11).toBeCloseTo(0.703598, 6)
  expect(0.61 - (u01 * (0.34 - 0.25)) / u00).toBeCloseTo(0.654554, 6)
  const values = decoded(request, gptq(factor, PAPER)(request))
  expect([...values]).toEqual([0.25, 0.75, -2])
  expect([...decoded(request, rounding(request, gram))]).toEqual([0.25, 0.5, -2])
})

test.each([
  { n: 5, k: 48, blockSize: 16, bits: 4, symmetric: false },
  { n: 5, k: 48, blockSize: 16, bits: 4, symmetric: true },
  { n: 3, k: 150, blockSize: 32, bits: 4, symmetric: false },
  { n: 1, k: 270, blockSize: 256, bits: 8, symmetric: false },
  { n: 34, k: 40, blockSize: 64, bits: 2, symmetric: true },
] as const)('codes and scales are those of the definition: $n × $k, blocks of $blockSize, $bits bits', (shape) => {
  const rng = seededRng(shape.k)
  const gram = correlatedGram(2 * shape.k, shape.k, 0.3, rng)
  const request = randomRequest(shape, rng)
  const expected = gptqReference(request, gram, 0.01)
  const got = gptq(factorGram(gram, shape.k, PAPER), PAPER)(request)
  expect(got).toEqual(expected)
})

test('with the largest inputs first, codes are those of the definition in that order and scales those of the weights as they came', () => {
  const rng = seededRng(7)
  const k = 160
  const gram = correlatedGram(300, k, 0.3, rng)
  const request = randomRequest({ n: 3, k, blockSize: 32, bits: 4, symmetric: false }, rng)
  const order = [...Array(k).keys()].sort((a, b) => (gram[b * (k + 1)] ?? 0) - (gram[a * (k + 1)] ?? 0))
  const options = { ...PAPER, actOrder: true }
  const got = gptq(factorGram(gram, k, options), options)(request)
  expect(got).toEqual(gptqReference(request, gram, 0.01, order))
  expect(got?.scales).toEqual(rounding(request, gram).scales)
})

test('a weight cut into panels of rows gives the same codes as a whole', () => {
  const rng = seededRng(11)
  const gram = correlatedGram(128, 64, 0.3, rng)
  const request = randomRequest({ n: 70, k: 64, blockSize: 32, bits: 4, symmetric: false }, rng)
  const algorithm = gptq(factorGram(gram, 64, PAPER), PAPER)
  const panels = [0, 33].map((first) =>
    algorithm({
      ...request,
      n: first === 0 ? 33 : 37,
      rows: request.rows.slice(first * 64, first === 0 ? 33 * 64 : 70 * 64),
    }),
  )
  expect(panels.flatMap((panel) => [...done(panel).codes])).toEqual([...done(algorithm(request)).codes])
})

test('on correlated data the error of the output drops clearly below that of rounding (C33)', () => {
  const rng = seededRng(33)
  const gram = correlatedGram(512, 64, 0.3, rng)
  const request = randomRequest({ n: 32, k: 64, blockSize: 32, bits: 4, symmetric: false }, rng)
  const nearest = outputError(request, rounding(request, gram), gram)
  const options = [PAPER, { ...PAPER, actOrder: true }, { ...PAPER, gridMse: true }]
  const errors = options.map((option) =>
    outputError(request, gptq(factorGram(gram, 64, option), option)(request), gram),
  )
  expect(nearest).toBeGreaterThan(60)
  expect(nearest).toBeLessThan(160)
  for (const error of errors) expect(error / nearest).toBeLessThan(0.65)
})

test('over many layers the error of the output is not above that of rounding', () => {
  const shapes = fc.record({
    seed: fc.integer({ min: 0, max: 1e6 }),
    bits: fc.constantFrom(2 as const, 4 as const, 8 as const),
    symmetric: fc.boolean(),
    actOrder: fc.boolean(),
    gridMse: fc.boolean(),
  })
  fc.assert(
    fc.property(shapes, ({ seed, bits, symmetric, actOrder, gridMse }) => {
      const rng = seededRng(seed)
      const gram = correlatedGram(96, 40, 0.3, rng)
      const request = randomRequest({ n: 24, k: 40, blockSize: 16, bits, symmetric }, rng)
      const options = { damping: 0.01, actOrder, gridMse }
      const error = outputError(request, gptq(factorGram(gram, 40, options), options)(request), gram)
      expect(error).toBeLessThan(outputError(request, rounding(request, gram), gram))
    }),
    { numRuns: 40, seed: 4 },
  )
})

test('channels that were 0 in all samples are rounded to the nearest and change nothing else', () => {
  const rng = seededRng(3)
  const k = 32
  const silent = 5
  const gram = correlatedGram(64, k, 0.3, rng).map((value, at) =>
    at % k === silent || Math.floor(at / k) === silent ? 0 : value,
  )
  const request = randomRequest({ n: 4, k, blockSize: 32, bits: 4, symmetric: true }, rng)
  const options = { ...PAPER, actOrder: true }
  const got = decoded(request, gptq(factorGram(gram, k, options), options)(request))
  const nearest = decoded(request, rounding(request, gram))
  for (let row = 0; row < 4; row++) expect(got[row * k + silent]).toBe(nearest[row * k + silent])
  expect(got).not.toEqual(nearest)
})

test('a block of zeros stays zeros', () => {
  const request = {
    rows: new Float32Array(32),
    n: 1,
    k: 32,
    blockSize: 16,
    bits: 4,
    symmetric: false,
  } as const
  const gram = correlatedGram(64, 32, 0.3, seededRng(1))
  for (const symmetric of [false, true]) {
    const flat = { ...request, symmetric }
    expect(decoded(flat, gptq(factorGram(gram, 32, PAPER), PAPER)(flat)).every((value) => Math.abs(value) === 0)).toBe(
      true,
    )
  }
})

test('where a matrix is singular without damping, the least that makes it regular is added and told', () => {
  const gram = Float64Array.of(1, 1, 1, 1)
  expect(factorGram(gram, 2, { damping: 0, actOrder: false }).damping).toBe(1e-6)
  expect(factorGram(gram, 2, PAPER).damping).toBe(0.01)
})

test('a row that is not finite is left to the caller', () => {
  const request: BlockRequest = { rows: Float32Array.of(1, NaN), n: 1, k: 2, blockSize: 16, bits: 4, symmetric: false }
  expect(gptq(factorGram(Float64Array.of(1, 0, 0, 1), 2, PAPER), PAPER)(request)).toBeUndefined()
})

test('numbers that are no Gram matrix are refused', () => {
  expect(() => factorGram(Float64Array.of(1, NaN, NaN, 1), 2, PAPER)).toThrow(LabError)
  expect(() => factorGram(Float64Array.of(1, 50, 50, 1), 2, PAPER)).toThrow('no Gram matrix')
})
