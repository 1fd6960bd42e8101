import { zlibSync } from 'fflate'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LabError } from '../core/errors/lab-error'
import { seededRng } from '../core/numeric/rng'
import { imageDataset, randomCrops } from './image-dataset'
import { decodePackedImages } from './packed-images'
import type { ImagePreprocessing } from './preprocess'

const COUNT = 5
const [WIDTH, HEIGHT] = [4, 3]
const PIXELS = Uint8Array.from({ length: COUNT * WIDTH * HEIGHT }, (_, i) => (i * 37) & 255)

/** Packs `PIXELS` two images a chunk; `change` edits the header afterwards. */
function pack(change: Record<string, unknown> = {}): Uint8Array {
  const chunks = [0, 2, 4].map((first) => zlibSync(PIXELS.subarray(first * 12, Math.min(first + 2, COUNT) * 12)))
  const header = {
    ...{ format: 'packed-images', version: 1, id: 'tiny', source: 'made here', licence: 'none' },
    ...{ count: COUNT, width: WIDTH, height: HEIGHT, channels: 1, imagesPerChunk: 2 },
    ...{ chunkBytes: chunks.map(({ length }) => length), labels: [0, 1, 2, 1, 0], classNames: ['a', 'b', 'c'] },
    ...change,
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = new Uint8Array(new Uint32Array([json.length]).buffer)
  return Uint8Array.from([
    ...new TextEncoder().encode('LPI1'),
    ...length,
    ...json,
    ...chunks.flatMap((chunk) => [...chunk]),
  ])
}

const codeOf = (attempt: () => unknown): string | null => {
  try {
    attempt()
    return null
  } catch (error) {
    return error instanceof LabError ? error.code : 'not a LabError'
  }
}

describe('packed images', () => {
  it('give every image back, in any order', () => {
    const packed = decodePackedImages(pack())
    for (const index of [4, 0, 3, 1, 2, 2]) {
      expect([...packed.image(index).data]).toEqual([...PIXELS.subarray(index * 12, index * 12 + 12)])
    }
    expect(packed).toMatchObject({ count: COUNT, width: WIDTH, height: HEIGHT, channels: 1, labels: [0, 1, 2, 1, 0] })
  })

  it('refuse an index that they do not have', () => {
    for (const index of [-1, COUNT, 0.5, NaN])
      expect(codeOf(() => decodePackedImages(pack()).image(index))).toBe('data/invalid')
  })

  it.each([
    ['a missing chunk', { chunkBytes: [10] }],
    ['more images than pixels', { count: 6, labels: undefined }],
    ['wider images than pixels', { width: 5 }],
    ['smaller images than pixels', { width: 3 }],
    ['too few labels', { labels: [0] }],
    ['a label that is no class', { labels: [0, 1, 2, 3, 0] }],
    ['a size beyond all bounds', { width: 1e9 }],
    ['a chunk beyond all bounds', { width: 4096, height: 4096, imagesPerChunk: 1e6 }],
    ['another version', { version: 2 }],
    ['a fractional count', { count: 2.5 }],
  ])('with %s are refused', (_, change) => {
    const readAll = (): void => {
      const packed = decodePackedImages(pack(change))
      for (let index = 0; index < packed.count; index++) packed.image(index)
    }
    expect(codeOf(readAll)).toBe('data/invalid')
  })

  it('cut at any byte are refused', () => {
    const whole = pack()
    for (let length = 0; length < whole.length; length++) {
      expect(
        codeOf(() => decodePackedImages(whole.subarray(0, length))),
        `cut at ${length}`,
      ).toBe('data/invalid')
    }
  })

  it('that are random bytes after the signature are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const file = Uint8Array.from([0x4c, 0x50, 0x49, 0x31, ...bytes])
        expect(codeOf(() => decodePackedImages(file))).toBe('data/invalid')
      }),
    )
  })
})

describe('a data set of images', () => {
  const plan: ImagePreprocessing = {
    ...{ width: WIDTH, height: HEIGHT, channels: 1, resize: 'stretch', layout: 'NCHW', mean: [0], std: [1 / 255] },
  }

  it('feeds the named input and carries labels and classes', async () => {
    const set = imageDataset(decodePackedImages(pack()), 'x', plan)
    const { x } = await set.sample(1)
    expect(x?.dims).toEqual([1, 1, HEIGHT, WIDTH])
    expect(Array.from(x?.data as Float32Array, Math.round)).toEqual([...PIXELS.subarray(12, 24)])
    expect(set).toMatchObject({ size: COUNT, labels: [0, 1, 2, 1, 0], classNames: ['a', 'b', 'c'], isSynthetic: false })
    await expect(set.sample(COUNT)).rejects.toMatchObject({ code: 'data/invalid' })
  })

  it('of crops names the image that each comes from, and is the same for the same seed', () => {
    const images = decodePackedImages(pack())
    const [crops, again] = [randomCrops(images, 3, seededRng(4)), randomCrops(images, 3, seededRng(4))]
    expect(crops.count).toBe(15)
    expect(crops.clusters).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
    for (let index = 0; index < crops.count; index++) {
      const crop = crops.image(index)
      expect(crop.width).toBe(crop.height)
      expect(crop.width).toBeLessThanOrEqual(HEIGHT)
      expect(again.image(index)).toEqual(crop)
    }
  })
})
