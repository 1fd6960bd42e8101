// Data sets made of images: any indexed source of decoded images plus a description of the preprocessing.

import type { Rng } from '../core/numeric/rng'
import { verifySampleIndex, type Dataset } from './dataset'
import { cropImage, preprocessImage, type CropBox, type ImagePreprocessing } from './preprocess'
import type { RawImage } from './raw-image'

/** Images by index. `PackedImages` is one; decoded files of a visitor are another. */
export interface ImageSource {
  readonly id: string
  readonly source: string
  readonly licence?: string
  readonly count: number
  readonly labels?: readonly number[]
  readonly classNames?: readonly string[]
  readonly clusters?: readonly number[]
  /** Image `index`, not to be written to. Throws `data/invalid`. */
  image(index: number): RawImage
}

/** `inputName`: the graph input that takes the image. */
export function imageDataset(images: ImageSource, inputName: string, plan: ImagePreprocessing): Dataset {
  const { id, source, licence, count, labels, classNames, clusters } = images
  return {
    id,
    source,
    size: count,
    isSynthetic: false,
    ...(licence !== undefined && { licence }),
    ...(labels && { labels }),
    ...(classNames && { classNames }),
    ...(clusters && { clusters }),
    sample: (index) => Promise.resolve().then(() => ({ [inputName]: preprocessImage(images.image(index), plan) })),
  }
}

/**
 * `perImage` random square crops of each image, sides from half of the short side to all of it. The image a crop comes from is its
 * cluster. Labels are dropped: a crop need not show what the whole shows.
 */
export function randomCrops(images: ImageSource, perImage: number, rng: Rng): ImageSource {
  const count = images.count * perImage
  const draws = Array.from({ length: count }, () => ({ side: 0.5 + rng.next() / 2, x: rng.next(), y: rng.next() }))
  const clusterOf = (index: number): number => Math.floor(index / perImage)
  return {
    id: `${images.id}-crops`,
    source: `${perImage} random crops each of ${images.source}`,
    ...(images.licence !== undefined && { licence: images.licence }),
    count,
    clusters: draws.map((_, index) => clusterOf(index)),
    image: (index) => {
      verifySampleIndex(index, count, `${images.id}-crops`)
      const image = images.image(clusterOf(index))
      return cropImage(image, cropBox(image, draws[index] ?? { side: 1, x: 0, y: 0 }))
    },
  }
}

function cropBox({ width, height }: RawImage, draw: { side: number; x: number; y: number }): CropBox {
  const side = Math.max(1, Math.floor(draw.side * Math.min(width, height)))
  const left = Math.floor(draw.x * (width - side + 1))
  const top = Math.floor(draw.y * (height - side + 1))
  return { left, top, width: side, height: side }
}
