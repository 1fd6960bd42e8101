// A drawing as the MNIST images were made (LeCun et al. 1998): the ink scaled into a 20 × 20 box, proportions kept, and set into
// 28 × 28 with its centre of mass in the middle.

import { cropImage } from './preprocess'
import type { RawImage } from './raw-image'
import { resizeImage } from './resize-image'

const SIDE = 28
const BOX = 20
/** Fainter pixels are not ink. */
const INK = 16

/** `drawing`: grey, ink bright on black. Undefined when there is no ink. */
export function centreDrawing(drawing: RawImage): RawImage | undefined {
  const box = inkBox(drawing)
  if (!box) return undefined
  const ink = cropImage(drawing, box)
  const scale = BOX / Math.max(ink.width, ink.height)
  const scaled = (side: number): number => Math.max(1, Math.round(side * scale))
  return placeByMass(resizeImage(ink, scaled(ink.width), scaled(ink.height)))
}

function inkBox({ width, height, data }: RawImage) {
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[y * width + x] ?? 0) < INK) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y)
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

function placeByMass({ width, height, data }: RawImage): RawImage {
  let [mass, massX, massY] = [0, 0, 0]
  data.forEach((value, index) => {
    mass += value
    massX += value * ((index % width) + 0.5)
    massY += value * (Math.floor(index / width) + 0.5)
  })
  const offset = (centre: number, side: number): number =>
    Math.min(SIDE - side, Math.max(0, Math.round(SIDE / 2 - centre)))
  const left = offset(massX / mass, width)
  const top = offset(massY / mass, height)
  const placed = new Uint8Array(SIDE * SIDE)
  for (let y = 0; y < height; y++) placed.set(data.subarray(y * width, (y + 1) * width), (top + y) * SIDE + left)
  return { width: SIDE, height: SIDE, channels: 1, data: placed }
}
