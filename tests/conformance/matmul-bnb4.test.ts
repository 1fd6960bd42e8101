// The 4-bit float formats of MatMulBnb4 (com.microsoft 1): an encoder from the specification (C29) against ONNX Runtime on WASM, which has to
// multiply with what the bytes mean. Lathe reads such models and does not write them.

import { expect, it } from 'vitest'

import { buildModel, node, tensor } from '../fixtures/build-model'
import { floats, numbersOf, runModel } from '../fixtures/run-model'

const BLOCK = 16
/** In the order of their codes. */
const NF4 = [
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
  ...[-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
]
/** Codes 0 to 7; code + 8 is the negative of the same size. */
const FP4 = [0, 0.005208333, 0.6666667, 1, 0.3333333, 0.5, 0.1666667, 0.25]
/** A size above the limit has the code beside it; the first limit that is passed counts. */
const FP4_LIMITS = [
  [0.8333333, 3],
  [0.583333, 2],
  [0.4166667, 5],
  [0.29166667, 4],
  [0.20833333, 7],
  [0.0859375, 6],
  [0.00260417, 1],
] as const

const nf4Code = (x: number): number => NF4.slice(1).filter((value, i) => x > (value + (NF4[i] ?? NaN)) / 2).length
const fp4Code = (x: number): number => (x < 0 ? 8 : 0) + (FP4_LIMITS.find(([limit]) => Math.abs(x) > limit)?.[1] ?? 0)
const fp4Value = (code: number): number => (code >= 8 ? -1 : 1) * (FP4[code % 8] ?? NaN)

const linspace = (a: number, b: number): number[] =>
  Array.from({ length: 16 }, (_, i) => Math.fround(a + (i * (b - a)) / 15))

const FORMATS = [
  {
    name: 'FP4',
    type: 0,
    encode: fp4Code,
    decode: fp4Value,
    bytes: 'dccee066445222336674445522222333',
    answers: [8.977777, 2.224167],
  },
  {
    name: 'NF4',
    type: 1,
    encode: nf4Code,
    decode: (code: number) => NF4[code] ?? NaN,
    bytes: '23456789bccdeeff89abbccddeeeefff',
    answers: [9.106743, 2.347451],
  },
]

it.each(FORMATS)(
  '$name has the bytes of the specification, and ONNX Runtime multiplies with what they mean',
  async ({ type, encode, decode, bytes, answers }) => {
    const rows = [linspace(-1, 2), linspace(0.1, 0.85)]
    const largest = rows.map((row) => Math.max(...row.map(Math.abs)))
    const codes = rows.flatMap((row, i) =>
      row.map((value) => encode(Math.fround(value * Math.fround(1 / (largest[i] ?? NaN))))),
    )
    // The first of two codes is in the upper half of the byte.
    const packed = Uint8Array.from(
      { length: codes.length / 2 },
      (__, i) => ((codes[2 * i] ?? 0) << 4) | (codes[2 * i + 1] ?? 0),
    )
    expect(Buffer.from(packed).toString('hex')).toBe(bytes)
    const model = buildModel({
      domains: { 'com.microsoft': 1 },
      inputs: { x: ['float32', [1, 16]] },
      outputs: { y: ['float32', [1, 2]] },
      initializers: { b: tensor('uint8', [packed.length], packed), absmax: tensor('float32', [2], largest) },
      nodes: [
        node(
          'MatMulBnb4',
          ['x', 'b', 'absmax'],
          ['y'],
          { K: 16, N: 2, block_size: BLOCK, quant_type: type },
          'com.microsoft',
        ),
      ],
    })
    const x = linspace(-1, 1)
    const y = numbersOf(await runModel(model, { x: floats([1, 16], x) }), 'y')
    rows.forEach((row, i) => {
      const meant = row.map((___, k) => decode(codes[16 * i + k] ?? NaN) * (largest[i] ?? NaN))
      expect(y[i]).toBeCloseTo(
        meant.reduce((sum, value, k) => sum + value * (x[k] ?? NaN), 0),
        5,
      )
      expect(y[i]).toBeCloseTo(answers[i] ?? NaN, 5)
    })
  },
)
