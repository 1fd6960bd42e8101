// The zoo end to end, as the page and the terminal use it: bundled file → sample → ONNX Runtime → class. A wrong channel order,
// normalisation or list of class names shows here as wrong answers.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import type { NamedValues } from '../../src/core/pass/tensor-value'
import { ZOO_DATASETS, ZOO_MODELS, type ZooModelId } from '../../src/zoo/catalog'
import { loadDataset } from '../../src/zoo/load-dataset'
import { loadClassNames, loadZooModel } from '../../src/zoo/load-model'
import type { ReadZooFile } from '../../src/zoo/zoo-file'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'

const read: ReadZooFile = (path) => Promise.resolve(readFileSync(join(import.meta.dirname, '../../public/zoo', path)))
const engine = await createNodeEngine({ threads: 1 })

function classOf(outputs: NamedValues, output: string): number {
  const logits = outputs[output]?.data
  if (!(logits instanceof Float32Array)) throw new TypeError(`"${output}" is not float32.`)
  return logits.indexOf(Math.max(...logits))
}

/** The classes that the model finds for the first `count` samples of its evaluation data. */
async function answers(id: ZooModelId, count: number): Promise<readonly number[]> {
  const { datasetId, output } = ZOO_MODELS[id]
  const data = await loadDataset(datasetId, read)
  const session = await engine.open(await loadZooModel(id, read), { optimization: 'all' })
  const found: number[] = []
  for (let index = 0; index < count; index++) {
    found.push(classOf(await session.run(await data.sample(index)), output))
  }
  await session.close()
  return found
}

// Well below the accuracy on the whole set, far above what a wrong preparation leaves.
test.each([
  ['digits', 0.92],
  ['fashion-resnet', 0.85],
] as const)('%s answers its first 200 test images right', async (id, least) => {
  const { labels } = await loadDataset(ZOO_MODELS[id].datasetId, read)
  const found = await answers(id, 200)
  const hits = found.filter((answer, index) => answer === labels?.[index]).length
  expect(hits / found.length).toBeGreaterThanOrEqual(least)
})

test('efficientnet-lite0 sees the cat, the espresso and the tripod in every crop of their photographs', async () => {
  const names = await loadClassNames('efficientnet-lite0', read)
  const { photos } = ZOO_DATASETS.photos
  const found = await answers('efficientnet-lite0', photos.length * 4)
  const seen = (shows: string): readonly string[] => {
    const photo = photos.findIndex((candidate) => candidate.shows === shows)
    return found.filter((_, index) => index % photos.length === photo).map((answer) => names[answer] ?? '')
  }
  for (const name of seen('a tabby cat')) expect(name).toMatch(/cat/)
  for (const name of seen('a cup of espresso')) expect(name).toMatch(/espresso|cup/)
  for (const name of seen('a camera on a tripod')) expect(name).toMatch(/tripod/)
})
