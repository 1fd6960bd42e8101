// Accuracy of static int8 of the zoo's ResNet and mobile classifier: Lathe's preset against onnxruntime.quantization 1.30 after its own
// pre-processing, both calibrated on the same samples, both judged by `lathe compare` on all images.
// Run: LATHE_PYTHON=… npm run study:accuracy

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { calibrationOptions } from '../../src/core/calibration/calibration-options'
import { spreadIndices } from '../../src/core/calibration/observe'
import { bytesOf } from '../../src/core/model/tensor'
import type { AnswerComparison } from '../../src/cli/compare-predictions'
import { zooModelPath, zooReader } from '../../src/cli/zoo-files'
import type { OutputFidelity } from '../../src/measure/fidelity'
import { ZOO_MODELS, type ZooModelId } from '../../src/zoo/catalog'
import { loadDataset } from '../../src/zoo/load-dataset'
import { buildLathe, latheJson } from '../cli/run-lathe'
import { makeVariant } from '../full/variants'
import { runPython } from './reference-python'

const root = join(import.meta.dirname, '../..')
const results = join(root, 'tests/studies/results/accuracy.json')
/** Points, as a fraction. */
const BAR = 0.001

interface Answers extends AnswerComparison {
  readonly outputs: readonly OutputFidelity[]
}
interface AccuracyRow {
  readonly model: string
  readonly images: number
  /** Share of images: right where there are labels, else with the original's class. */
  readonly measure: 'accuracy' | 'agreement'
  readonly original: number
  readonly reference: number
  readonly lathe: number
  /** lathe − reference, points of a hundred. */
  readonly points: number
  readonly sqnrDb: { readonly reference: number | null; readonly lathe: number | null }
}

/** The samples that Lathe calibrates on, for Python. */
async function saveSamples(id: ZooModelId, folder: string): Promise<string> {
  const { calibrationId, input } = ZOO_MODELS[id]
  const data = await loadDataset(calibrationId, zooReader(root))
  const feeds = await Promise.all(
    spreadIndices(data.size, calibrationOptions.calibrationSamples.default).map((index) => data.sample(index)),
  )
  const values = feeds.map((feed) => feed[input.name]!)
  const file = join(folder, `${id}.f32`)
  writeFileSync(file, Buffer.concat(values.map((value) => bytesOf(value.data as Float32Array))))
  const facts = join(folder, `${id}.json`)
  writeFileSync(facts, JSON.stringify({ input: input.name, dims: values[0]!.dims, file }))
  return facts
}

async function compareAnswers(id: ZooModelId, folder: string): Promise<AccuracyRow> {
  const reference = join(folder, `${id}-reference.onnx`)
  const model = `zoo:${id}`
  const { datasetId, calibrationId } = ZOO_MODELS[id]
  const samples = await saveSamples(id, folder)
  await runPython('tools/conformance/reference.py', 'static', zooModelPath(model, root)!, samples, reference)
  const { path } = await makeVariant({ model, recipe: 'int8-static', data: `zoo:${calibrationId}`, folder })
  const engine = `ort-wasm:${availableParallelism()}`
  const answer = await latheJson('compare', model, reference, path, '--data', `zoo:${datasetId}`, '--engine', engine)
  const [theirs, ours] = answer['variants'] as readonly [Answers, Answers]
  const share = ({ accuracy, top1Agreement }: Answers): number => accuracy?.b ?? top1Agreement ?? NaN
  const points = Number((100 * (share(ours) - share(theirs))).toFixed(4))
  return {
    ...{ model: id, images: ours.accuracy?.n ?? ours.agreement?.n ?? NaN },
    measure: ours.accuracy ? 'accuracy' : 'agreement',
    original: ours.accuracy?.a ?? 1,
    ...{ reference: share(theirs), lathe: share(ours), points },
    sqnrDb: { reference: theirs.outputs[0]?.sqnrDb ?? null, lathe: ours.outputs[0]?.sqnrDb ?? null },
  }
}

test('static int8 is never worse than that of the reference by more than a tenth of a point', async () => {
  await buildLathe()
  const folder = mkdtempSync(join(tmpdir(), 'lathe-accuracy-'))
  try {
    const rows: AccuracyRow[] = []
    for (const id of ['efficientnet-lite0', 'fashion-resnet'] as const) {
      const row = await compareAnswers(id, folder)
      console.log(JSON.stringify(row))
      rows.push(row)
    }
    mkdirSync(join(root, 'tests/studies/results'), { recursive: true })
    writeFileSync(results, `${JSON.stringify({ command: 'npm run study:accuracy', rows }, null, 2)}\n`)
    expect(rows.filter(({ reference, lathe }) => !(lathe - reference >= -BAR))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
