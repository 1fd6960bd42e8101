// Conformance C15: QLinearMatMul, what ONNX Runtime makes of a static product in integers. Lathe writes no such node; its calibration and
// its predictions of answers rest on this arithmetic.

import { expect, test } from 'vitest'

import { buildModel, node, tensor } from '../fixtures/build-model'
import { numbersOf, runModel } from '../fixtures/run-model'

const A = [208, 236, 0, 238, 3, 214, 255, 29]
const B = [152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247]

const scale = (value: number) => tensor('float32', [], [value])
const zero = (value: number) => tensor('uint8', [], [value])
const model = buildModel({
  inputs: { a: ['uint8', [2, 4]] },
  outputs: { y: ['uint8', [2, 3]] },
  initializers: {
    ...{ b: tensor('uint8', [4, 3], B), as: scale(0.0066), az: zero(113), bs: scale(0.00705), bz: zero(114) },
    ...{ ys: scale(0.0107), yz: zero(118) },
  },
  nodes: [node('QLinearMatMul', ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'], ['y'])],
})
const expected = [168, 115, 255, 1, 66, 151]

test('the sums of the specification come from exact integers', () => {
  const sums = [0, 1].flatMap((row) =>
    [0, 1, 2].map((column) =>
      [0, 1, 2, 3].reduce((sum, k) => sum + ((A[4 * row + k] ?? 0) - 113) * ((B[3 * k + column] ?? 0) - 114), 0),
    ),
  )
  expect(sums).toEqual([11475, -778, 31402, -26914, -11872, 7513])
})

test.each(['disabled', 'all'] as const)('ONNX Runtime gives the integers of the specification (%s)', async (level) => {
  const a = { dtype: 'uint8', dims: [2, 4], data: Uint8Array.from(A) } as const
  expect(numbersOf(await runModel(model, { a }, level), 'y')).toEqual(expected)
})
