import { expect, test } from 'vitest'

import { centreDrawing } from './centre-drawing'
import type { RawImage } from './raw-image'

function drawing(width: number, height: number, ink: (x: number, y: number) => boolean): RawImage {
  const data = Uint8Array.from({ length: width * height }, (_, i) => (ink(i % width, Math.floor(i / width)) ? 255 : 0))
  return { width, height, channels: 1, data }
}
const inked = ({ data, width }: RawImage) =>
  [...data.entries()].filter(([, v]) => v > 127).map(([i]) => [i % width, Math.floor(i / width)] as const)

test('an empty canvas is no drawing', () => {
  expect(centreDrawing(drawing(280, 280, () => false))).toBeUndefined()
})

test('a tall stroke anywhere becomes 20 pixels high in the middle of 28 × 28', () => {
  const centred = centreDrawing(drawing(280, 280, (x, y) => x >= 200 && x < 220 && y >= 10 && y < 110))!
  const ys = inked(centred).map(([, y]) => y)
  const xs = inked(centred).map(([x]) => x)
  expect([centred.width, centred.height]).toEqual([28, 28])
  expect([Math.min(...ys), Math.max(...ys)]).toEqual([4, 23])
  expect([Math.min(...xs), Math.max(...xs)]).toEqual([12, 15])
})

test('the centre of mass, not of the box, goes to the middle', () => {
  const heavyBelow = (x: number, y: number) => (y >= 50 && x < 60) || (x >= 25 && x < 35 && y < 50)
  const centred = centreDrawing(drawing(60, 100, heavyBelow))!
  const ys = inked(centred).map(([, y]) => y)
  expect(Math.min(...ys)).toBeLessThan(4)
})
