import fc from 'fast-check'
import { expect, test } from 'vitest'

import { channelLayout, scaleIndex } from './scale-layout'

test('an element has the scale of its index along the axis, or of its block and its place across', () => {
  const dim = fc.integer({ min: 1, max: 5 })
  fc.assert(
    fc.property(dim, dim, dim, fc.nat(2), fc.option(dim, { nil: undefined }), (a, b, c, axis, blockSize) => {
      const dims = [a, b, c]
      const layout = channelLayout(dims, axis, blockSize)
      const strides = [b * c, c, 1]
      for (let i = 0; i < a * b * c; i++) {
        const place = strides.map((stride, at) => Math.floor(i / stride) % (dims[at] ?? 1))
        const along = place[axis] ?? 0
        const blocks = blockSize === undefined ? 0 : Math.ceil((dims[axis] ?? 1) / blockSize)
        const inBlocks = place.with(axis, Math.floor(along / (blockSize ?? 1)))
        const scaleDims = dims.with(axis, blocks)
        const expected =
          blockSize === undefined ? along : inBlocks.reduce((sum, at, d) => sum * (scaleDims[d] ?? 1) + at, 0)
        expect(scaleIndex(layout, i)).toBe(expected)
      }
    }),
  )
  expect(scaleIndex(channelLayout([2, 3], undefined), 5)).toBe(0)
})
