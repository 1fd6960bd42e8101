import { expect, test } from 'vitest'

import { slotsCsv } from './slots-csv'

test('every slot is a line, void ones with their reason, names with commas quoted', () => {
  const slot = { atMs: 12.5, block: 0, variant: 0, valueMs: 3, switchMs: 4, samplesMs: [2.5, 3, 3.5], voided: null }
  expect(slotsCsv([slot, { ...slot, variant: 1, voided: 'hidden' }], ['a "b", c', 'variant'])).toBe(
    'at_ms,block,variant,value_ms,switch_ms,voided,samples_ms\r\n' +
      '12.5,0,"a ""b"", c",3,4,,2.5 3 3.5\r\n' +
      '12.5,0,variant,3,4,hidden,2.5 3 3.5\r\n',
  )
})
