import { expect, test } from 'vitest'

import { nextOrder, sortRows } from './sort-rows'

interface Row {
  readonly name: string
  readonly cost: number | null
}
const rows: readonly Row[] = [
  { name: 'conv10', cost: 2 },
  { name: 'conv2', cost: null },
  { name: 'conv1', cost: 3 },
  { name: 'fc', cost: 2 },
]
const names = (by: 'name' | 'cost', isDescending: boolean): string[] =>
  sortRows(rows, { by, isDescending }, (row, key) => row[key]).map(({ name }) => name)

test('rows without a value come last whichever way, and equal ones keep their order', () => {
  expect(names('cost', false)).toEqual(['conv10', 'fc', 'conv1', 'conv2'])
  expect(names('cost', true)).toEqual(['conv1', 'conv10', 'fc', 'conv2'])
})

test('numbers in names count as numbers', () => {
  expect(names('name', false)).toEqual(['conv1', 'conv2', 'conv10', 'fc'])
})

test('the same head again turns the order round', () => {
  const first = nextOrder({ by: 'name', isDescending: false }, 'cost', true)
  expect(first).toEqual({ by: 'cost', isDescending: true })
  expect(nextOrder(first, 'cost', true)).toEqual({ by: 'cost', isDescending: false })
})
