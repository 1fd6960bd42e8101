// Reads the zoo's data sets: packed images as they are, photographs as crops. The samples are feeds of the model they belong to.

import { seededRng } from '../core/numeric/rng'
import { decodeImage } from '../data/decode-image'
import { verifySampleIndex, type Dataset } from '../data/dataset'
import { imageDataset, randomCrops, type ImageSource } from '../data/image-dataset'
import { decodePackedImages } from '../data/packed-images'
import { parseZooDatasetId, ZOO_DATASETS, type PhotoDataset, type ZooDataset } from './catalog'
import { readZooFile, type ReadZooFile } from './zoo-file'

/**
 * `id` without the prefix `zoo:`. The set's `source` is `zoo:ID`, so that a recipe finds it again. Throws `options/invalid` for an
 * unknown id and `data/invalid` for damaged files.
 */
export async function loadDataset(id: string, read: ReadZooFile): Promise<Dataset> {
  const facts: ZooDataset = ZOO_DATASETS[parseZooDatasetId(id)]
  const images =
    facts.kind === 'packed-images'
      ? decodePackedImages(await readZooFile(facts.file, read))
      : await readPhotoCrops(facts, read)
  const { name, holder, source } = facts.licence
  const described = { ...images, id, source: `zoo:${id}`, licence: `${name}, ${holder}; ${source}` }
  const { preprocessing } = facts.input
  // Crops are squares already: nothing more is cut off.
  const plan = facts.kind === 'photo-crops' ? ({ ...preprocessing, resize: 'stretch' } as const) : preprocessing
  return imageDataset(described, facts.input.name, plan)
}

async function readPhotoCrops(facts: PhotoDataset, read: ReadZooFile): Promise<ImageSource> {
  const photos = await Promise.all(facts.photos.map(async ({ file }) => decodeImage(await readZooFile(file, read))))
  const whole: ImageSource = {
    id: 'photos',
    source: 'photos',
    count: photos.length,
    image: (index) => {
      const photo = photos[index]
      if (!photo) throw new RangeError(`There is no photograph ${index}.`)
      return photo
    },
  }
  return inTurns(randomCrops(whole, facts.cropsPerPhoto, seededRng(facts.seed)), photos.length)
}

/** From all crops of one photograph after another to one crop of each in turn, so that any prefix is balanced. */
function inTurns(crops: ImageSource, photoCount: number): ImageSource {
  const perPhoto = crops.count / photoCount
  const place = (index: number): number => (index % photoCount) * perPhoto + Math.floor(index / photoCount)
  return {
    ...crops,
    clusters: Array.from({ length: crops.count }, (_, index) => index % photoCount),
    image: (index) => {
      verifySampleIndex(index, crops.count, crops.id)
      return crops.image(place(index))
    },
  }
}
