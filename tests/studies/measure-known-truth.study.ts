// 21 runs of a session against 20 runs of the same one: the ratio is 1.05 by construction, whatever the clock and the machine do. How
// often does the product's own race find it, and how often does its interval hold it? Run: npm run study:measure

import { openAsBlob } from 'node:fs'
import { test } from 'vitest'

import { openData } from '../../src/cli/open-data'
import { inputNamesOf, openModel } from '../../src/cli/open-model'
import { KNOWN_TRUTH } from '../../src/measure/self-check'
import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { raceVariants } from '../../workers/host/latency-job'
import { spreadSamples } from '../../workers/host/model-inputs'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import type { ModelId } from '../../workers/host/protocol'
import { INPUTS } from './node-session'
import { covers, raceRow, type RaceRow } from './race-row'
import { inTemporaryFolder, STUDY_MODEL_NAMES, studyModels, type StudyModel } from './study-models'
import { atLeast, runStudy, total } from './study-results'

const PAIRS = 40
const SECONDS = 30
const { repeatA, repeatB, ratio: TRUTH } = KNOWN_TRUTH
const config = { engine: 'ort-wasm', threads: 1, page: { baseUrl: '' } } as const
const context = {
  signal: new AbortController().signal,
  checkpoint: () => new Promise<void>((done) => setImmediate(done)),
  progress: () => undefined,
  wasDisturbed: () => false,
}

async function raceKnownTruth({ name, reference, data }: StudyModel, seed: number) {
  const { path, model } = await openModel(reference, REPOSITORY)
  const feeds = await spreadSamples(await openData(data, inputNamesOf(model), REPOSITORY), INPUTS)
  const file = { id: name as ModelId, file: await openAsBlob(path), externalData: [] }
  const variants = [
    { label: `${repeatA} runs`, model: file, repeat: repeatA },
    { label: `${repeatB} runs`, model: file, repeat: repeatB, sharesSessionWith: 0 },
  ]
  const engine = await createNodeEngine({ threads: config.threads })
  try {
    const job = { ...config, variants, inputs: { kind: 'values', feeds }, seconds: SECONDS, seed } as const
    return await raceVariants(engine, job, context)
  } finally {
    await engine.close()
  }
}

/** The digit nets in turn; every tenth the int8 ResNet, where a run of 20 takes 100 ms and the budget has room for few blocks. */
const modelOf = (index: number): number => (index % 10 === 9 ? 3 : index % 2 === 0 ? 0 : 2)

test('of 40 races of 21 runs against 20 at least 36 find it and at least 36 intervals cover 1.05', () =>
  inTemporaryFolder(async (folder) => {
    let models: readonly StudyModel[] | undefined
    await runStudy<RaceRow & { readonly model: string }>({
      name: 'measure-known-truth',
      question:
        'Ratio 1.05 by construction: 21 runs against 20 of the same session. How often is it found and covered?',
      settings: { ...config, models: STUDY_MODEL_NAMES, inputs: INPUTS, seconds: SECONDS, repeatA, repeatB },
      rows: PAIRS,
      run: async (index) => {
        models ??= await studyModels(folder)
        const model = models[modelOf(index)]!
        const { comparison, environment } = await raceKnownTruth(model, index)
        return { row: { model: model.name, ...raceRow(comparison) }, environment }
      },
      totals: (rows) => [
        total(
          'found: slower',
          rows.map(({ verdict }) => verdict === 'slower'),
          atLeast(36),
        ),
        total(
          'the interval covers 1.05',
          rows.map((row) => covers(row, TRUTH)),
          atLeast(36),
        ),
        total(
          'called faster',
          rows.map(({ verdict }) => verdict === 'faster'),
        ),
        total(
          'called the same',
          rows.map(({ verdict }) => verdict === 'same'),
        ),
        total(
          'drift told',
          rows.map(({ drift }) => drift !== null),
        ),
      ],
    })
  }))
