import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { LabError } from '../core/errors/lab-error'
import { parseZooDatasetId, parseZooModelId, ZOO_DATASETS, ZOO_MODELS, zooIdOf } from './catalog'
import { FILES } from './files.gen'
import { loadClassNames, loadZooModel } from './load-model'
import { zooFile, type ReadZooFile, type ZooPath } from './zoo-file'

const folder = join(import.meta.dirname, '../../public/zoo')
const read: ReadZooFile = (path) => Promise.resolve(readFileSync(join(folder, path)))
const models = Object.keys(ZOO_MODELS).map(parseZooModelId)

test.each(Object.keys(FILES) as ZooPath[])('%s has the size and SHA-256 that the catalogue states', async (path) => {
  const bytes = await read(path)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  expect({ path, sizeBytes: bytes.length, sha256 }).toEqual(zooFile(path))
})

test('every file that the page can load is in the list', () => {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(onnx|lpi|png|txt)$/.test(path),
  )
  expect(found.toSorted()).toEqual(Object.keys(FILES).toSorted())
})

test.each(models)('the model %s is read whole and has a name for every class', async (id) => {
  expect(await loadZooModel(id, read)).toHaveLength(ZOO_MODELS[id].file.sizeBytes)
  const names = await loadClassNames(id, read)
  expect(names).toHaveLength(id === 'efficientnet-lite0' ? 1000 : 10)
  expect(new Set(names.filter((name) => name === ''))).toEqual(new Set())
})

test.each(models)('the data of %s are prepared for its input, and calibration is not evaluation', (id) => {
  const { input, datasetId, calibrationId } = ZOO_MODELS[id]
  expect(datasetId).not.toBe(calibrationId)
  for (const data of [ZOO_DATASETS[datasetId], ZOO_DATASETS[calibrationId]]) expect(data.input).toEqual(input)
})

test('unknown ids are refused with the list of what is known', () => {
  expect(zooIdOf('zoo:digits')).toBe('digits')
  expect(zooIdOf('models/digits.onnx')).toBeUndefined()
  expect(() => parseZooModelId('resnet50')).toThrow(/no model "resnet50"; it has digits, fashion-resnet/)
  expect(() => parseZooDatasetId('toString')).toThrow(LabError)
})

test('a cut download is refused', async () => {
  const cut: ReadZooFile = async (path) => (await read(path)).subarray(0, 1000)
  await expect(loadZooModel('digits', cut)).rejects.toMatchObject({
    code: 'data/invalid',
    details: { path: 'digits/model.onnx', got: 1000 },
  })
})
