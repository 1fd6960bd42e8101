import { expect, test } from 'vitest'

import { placeLabels } from './place-labels'

test('labels that do not touch stay where they are', () =>
  expect(placeLabels([80, 20, 50], 16, [0, 100])).toEqual([80, 20, 50]))

test('labels of equal lines are put one under the other, whatever their order', () =>
  expect(placeLabels([50, 50], 16, [0, 100])).toEqual([50, 66]))

test('labels at an end are pushed back into the range', () => {
  expect(placeLabels([98, 99], 16, [0, 100])).toEqual([84, 100])
  expect(placeLabels([-5, -9], 16, [0, 100])).toEqual([16, 0])
})
