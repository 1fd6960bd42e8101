import { expect, test } from 'vitest'

import type { TensorDetail, WorkedExample } from '../../sensitivity/tensor-detail'
import { real, workedFormula } from './worked-formula'

const detail = (example: WorkedExample | null): TensorDetail => ({
  ...{ kind: 'weight', name: 'w', dtype: 'int8', grain: 'tensor', count: 1, samples: null, clipped: 0, example },
  ...{ scale: [0.02, 0.02], zeroPoint: [0, 0], integers: [-128, 127], span: [-2, 3], before: [1], after: [1] },
})

test('every line holds the numbers of the tensor', () => {
  const lines = workedFormula(
    detail({ value: 0.333, scale: 0.02, zeroPoint: -3, rounded: 14, integer: 14, restored: 0.34 }),
  )
  expect(lines).toEqual([
    'q = clip(round(x ÷ scale) + zero point, −128, 127)',
    '  = clip(round(0.333 ÷ 0.02) + (−3), −128, 127)',
    '  = clip(14, −128, 127) = 14',
    'x′ = (q − zero point) × scale',
    '   = (14 − (−3)) × 0.02 = 0.34',
    'x′ − x = 0.007',
  ])
})

test('what is clipped is seen, and so is an integer that is not the nearest one', () => {
  const clipped = workedFormula(
    detail({ value: 3, scale: 0.02, zeroPoint: 0, rounded: 150, integer: 127, restored: 2.54 }),
  )
  expect(clipped?.[2]).toBe('  = clip(150, −128, 127) = 127')
  const chosen = workedFormula(
    detail({ value: 1, scale: 0.02, zeroPoint: 0, rounded: 50, integer: 51, restored: 1.02 }),
  )
  expect(chosen?.[3]).toBe('stored instead: 51, chosen by the technique')
})

test('a tensor without numbers has no formula, and small numbers keep their digits', () => {
  expect(workedFormula(detail(null))).toBeUndefined()
  expect([real(0), real(-0.000123456), real(1234.5678)]).toEqual(['0', '−1.2346e−4', '1234.6'])
})
