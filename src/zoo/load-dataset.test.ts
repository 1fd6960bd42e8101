import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { parseZooDatasetId, ZOO_DATASETS, type ZooDatasetId } from './catalog'
import { loadDataset } from './load-dataset'
import type { ReadZooFile } from './zoo-file'

const folder = join(import.meta.dirname, '../../public/zoo')
const read: ReadZooFile = (path) => Promise.resolve(readFileSync(join(folder, path)))
const datasets = Object.keys(ZOO_DATASETS).map(parseZooDatasetId)

test.each(datasets)('samples of %s are normalised tensors of the shape of the input', async (id) => {
  const { input, size } = ZOO_DATASETS[id]
  const { channels, height, width, mean, std } = input.preprocessing
  const data = await loadDataset(id, read)
  expect(data).toMatchObject({ id, source: `zoo:${id}`, size, isSynthetic: false })
  const [low, high] = [(0 - (mean[0] ?? 0)) / (std[0] ?? 1), (1 - (mean[0] ?? 0)) / (std[0] ?? 1)]
  for (const index of [0, 1, size - 1]) {
    const value = (await data.sample(index))[input.name]
    expect(value?.dims).toEqual([1, channels, height, width])
    const pixels = Float32Array.from(value?.data as Float32Array).toSorted()
    const [least, most] = [pixels[0] ?? NaN, pixels.at(-1) ?? NaN]
    expect(least).toBeGreaterThanOrEqual(low - 1e-6)
    expect(most).toBeLessThanOrEqual(high + 1e-6)
    expect(most - least).toBeGreaterThan(0.3 * (high - low))
  }
  await expect(data.sample(size)).rejects.toMatchObject({ code: 'data/invalid' })
})

const labelled: readonly ZooDatasetId[] = [
  'fashion-mnist',
  'fashion-mnist-calibration',
  'drawn-digits',
  'drawn-digits-calibration',
]
test.each(labelled)('every prefix of %s has its classes balanced to one image', async (id) => {
  const { labels, classNames } = await loadDataset(id, read)
  const counts = Array.from({ length: 10 }, () => 0)
  for (const label of labels ?? []) {
    counts[label] = (counts[label] ?? 0) + 1
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  }
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(10)
  expect(classNames).toHaveLength(10)
})

test('the photographs take turns, each a cluster of different crops', async () => {
  const { clusters, sample } = await loadDataset('photos', read)
  expect(clusters?.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 0])
  const pixels = await Promise.all([0, 7, 14].map(async (index) => String((await sample(index))['image']?.data)))
  expect(new Set(pixels).size).toBe(3)
})

test('no photograph serves both calibration and evaluation', () => {
  const paths = (id: 'photos' | 'photos-calibration') => ZOO_DATASETS[id].photos.map(({ file }) => file.path)
  expect(new Set([...paths('photos'), ...paths('photos-calibration')]).size).toBe(11)
})
