import fc from 'fast-check'
import { expect, test } from 'vitest'

import { batchNormAffine, compose, scaleChannels } from './affine'
import { referenceFold, type ReferenceLayer } from './reference'

const norm = { gamma: [2, 0.5], beta: [0.1, -0.1], mean: [1, 2], variance: [4, 0.25], epsilon: 1e-5 }
const close = (got: ArrayLike<number>, expected: readonly number[]): void =>
  expected.forEach((value, i) => expect(got[i]).toBeCloseTo(value, 7))

test('a batch normalization becomes the scale and the shift of conformance test C21', () => {
  const { scale, shift } = batchNormAffine(norm)
  close(scale, [0.99999875, 0.99998])
  close(shift, [-0.89999875, -2.09996])
})

test('the weights and biases of conformance test C21 come out', () => {
  const layer = { opType: 'Conv', dims: [2, 2, 1], weight: [1, 2, 3, 4], bias: [0.5, -0.5] } as const
  const { weight, bias } = referenceFold(layer, norm)
  close(weight, [0.99999875, 1.9999975, 2.99994, 3.99992])
  close(bias, [-0.39999937, -2.59995])
  const scaled = scaleChannels(
    Float64Array.of(1, 2, 3, 4),
    { groups: 1, rows: 1, channels: 2, inner: 2 },
    batchNormAffine(norm).scale,
  )
  expect(Array.from(scaled)).toEqual(weight)
})

test('one after the other is the same as both at once', () => {
  const pair = fc.record({
    scale: fc.double({ min: -9, max: 9, noNaN: true }),
    shift: fc.double({ min: -9, max: 9, noNaN: true }),
  })
  fc.assert(
    fc.property(pair, pair, fc.double({ min: -9, max: 9, noNaN: true }), (first, second, x) => {
      const one = ({ scale, shift }: typeof first) => ({ scale: Float64Array.of(scale), shift: Float64Array.of(shift) })
      const both = compose(one(first), one(second))
      const inTurn = (x * first.scale + first.shift) * second.scale + second.shift
      expect(x * (both.scale[0] as number) + (both.shift[0] as number)).toBeCloseTo(inTurn, 9)
    }),
  )
})

test.each([
  ['Conv', { opType: 'Conv', dims: [4, 3, 2, 2] }, { groups: 1, rows: 1, channels: 4, inner: 12 }, 4],
  [
    'grouped ConvTranspose',
    { opType: 'ConvTranspose', dims: [6, 2, 3], groups: 3 },
    { groups: 3, rows: 2, channels: 2, inner: 3 },
    6,
  ],
  ['Gemm', { opType: 'Gemm', dims: [3, 5] }, { groups: 1, rows: 3, channels: 5, inner: 1 }, 5],
  [
    'Gemm with transB',
    { opType: 'Gemm', dims: [5, 3], transB: true },
    { groups: 1, rows: 1, channels: 5, inner: 3 },
    5,
  ],
] as const)(
  'the layout of %s gives each weight the factor of its output channel, rounded once',
  (_, shape, layout, channels) => {
    const count = shape.dims.reduce((product: number, dim) => product * dim, 1)
    const weight = Array.from({ length: count }, (__, i) => Math.fround(Math.sin(i + 1)))
    const range = (offset: number): number[] =>
      Array.from({ length: channels }, (__, c) => Math.fround(Math.cos(c + offset)))
    const random = { gamma: range(1), beta: range(2), mean: range(3), variance: range(4).map(Math.abs), epsilon: 1e-3 }
    const layer: ReferenceLayer = { ...shape, weight }
    const scaled = scaleChannels(Float32Array.from(weight), layout, batchNormAffine(random).scale)
    expect(Array.from(scaled)).toEqual(referenceFold(layer, random).weight.map(Math.fround))
  },
)
