import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/images.json'
import { convertChannels, cropImage, preprocessImage, type ImagePreprocessing } from './preprocess'
import type { RawImage } from './raw-image'
import { resizeImage } from './resize-image'

const rawImage = (stored: { width: number; height: number; channels: number; data: string }): RawImage => ({
  width: stored.width,
  height: stored.height,
  channels: stored.channels === 1 ? 1 : 3,
  data: new Uint8Array(Buffer.from(stored.data, 'base64')),
})

const PLAN: ImagePreprocessing = {
  width: 2,
  height: 1,
  channels: 3,
  resize: 'stretch',
  mean: [0.5, 0, 0],
  std: [0.5, 1, 2],
  layout: 'NCHW',
}

describe('resizing', () => {
  it.each(reference.resize)('gives the bytes of Pillow, case %#', ({ source, expected }) => {
    expect(resizeImage(rawImage(source), expected.width, expected.height)).toEqual(rawImage(expected))
  })

  it('to its own size changes nothing', () => {
    const image = rawImage(reference.grey.source)
    expect(resizeImage(image, image.width, image.height)).toBe(image)
  })

  it('to no pixels is refused', () => {
    expect(() => resizeImage(rawImage(reference.grey.source), 0, 5)).toThrow(/width of 0/)
  })
})

describe('colour', () => {
  it('becomes grey as in Pillow', () => {
    expect(convertChannels(rawImage(reference.grey.source), 1)).toEqual(rawImage(reference.grey.expected))
  })

  it('of a grey image repeats the grey', () => {
    const grey: RawImage = { width: 2, height: 1, channels: 1, data: Uint8Array.of(7, 9) }
    expect([...convertChannels(grey, 3).data]).toEqual([7, 7, 7, 9, 9, 9])
  })
})

describe('the tensor of an image', () => {
  const image: RawImage = { width: 2, height: 1, channels: 3, data: Uint8Array.of(0, 51, 102, 255, 204, 153) }

  it('is normalised per channel, planes first for NCHW', () => {
    const { dims, data } = preprocessImage(image, PLAN)
    expect(dims).toEqual([1, 3, 1, 2])
    expect(data).toEqual(Float32Array.of(-1, 1, 0.2, 0.8, 0.2, 0.3))
  })

  it('keeps channels together for NHWC', () => {
    const { dims, data } = preprocessImage(image, { ...PLAN, layout: 'NHWC' })
    expect(dims).toEqual([1, 1, 2, 3])
    expect(data).toEqual(Float32Array.of(-1, 0.2, 0.2, 1, 0.8, 0.3))
  })

  it('of a short side is the centre of the proportional resize', () => {
    const wide: RawImage = { width: 6, height: 2, channels: 1, data: Uint8Array.from({ length: 12 }, (_, i) => i) }
    const plan: ImagePreprocessing = {
      ...PLAN,
      ...{ width: 2, height: 2, channels: 1, mean: [0], std: [1 / 255], resize: { shortSide: 2 } },
    }
    expect([...(preprocessImage(wide, plan).data as Float32Array)].map(Math.round)).toEqual([2, 3, 8, 9])
  })

  it.each([
    ['mean', { mean: [0.5] }],
    ['std', { std: [1, 0, 1] }],
    ['resize', { resize: { shortSide: 1 } }],
  ])('is refused with a wrong %s', (path, change) => {
    expect(() => preprocessImage(image, { ...PLAN, ...change })).toThrow(expect.objectContaining({ details: { path } }))
  })
})

it('a crop that reaches out of its image is refused', () => {
  const image: RawImage = { width: 2, height: 1, channels: 1, data: Uint8Array.of(1, 2) }
  expect(() => cropImage(image, { left: 1, top: 0, width: 2, height: 1 })).toThrow(/reaches out/)
})
