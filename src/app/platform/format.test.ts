import { expect, test } from 'vitest'

import { formatBytes, formatCount, formatMs, formatPercent } from './format'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_999, '1.00 MB'],
  [11_190_000, '11.2 MB'],
])('%d bytes read %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test('times, counts and shares carry their unit and three digits', () => {
  expect([formatMs(0.5234), formatMs(12.345), formatMs(999), formatMs(2345)]).toEqual([
    '0.523 ms',
    '12.3 ms',
    '999 ms',
    '2.35 s',
  ])
  expect([formatCount(12), formatCount(70_330), formatCount(2_797_610), formatCount(3.2e9)]).toEqual([
    '12',
    '70.3 k',
    '2.80 M',
    '3.20 G',
  ])
  expect(formatPercent(0.9312)).toBe('93.1 %')
})
