// A model against itself, by the product's own path: a fresh laboratory with fresh sessions of the same bytes for every pair, created
// in random order, the whole warm-up. Every second pair runs beside a busy neighbour. Whatever is called faster or slower is false.

import { parseEngine, type Place } from '../../src/cli/engine-name'
import { openLaboratory } from '../../src/cli/open-laboratory'
import { openModels } from '../../src/cli/open-model'
import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { besideBusyNeighbour } from './busy-neighbour'
import { INPUTS } from './node-session'
import { covers, isClaim, raceRow, type RaceRow } from './race-row'
import { inTemporaryFolder, STUDY_MODEL_NAMES, studyModels, type StudyModel } from './study-models'
import { atMost, runStudy, total, type Total } from './study-results'

const ENGINE = 'ort-wasm:1'
/** The small nets are through sooner: no race has more than 256 blocks. */
const SECONDS = 8
const MARGIN = 0.02
const SILENT = { show: () => undefined, note: () => undefined, end: () => undefined }

interface Row extends RaceRow {
  readonly model: string
  readonly neighbour: 'quiet' | 'busy'
}

interface Plan {
  readonly place: Place
  readonly pairs: number
  readonly maxFalseClaims: number
}

export async function studySelfComparison({ place, pairs, maxFalseClaims }: Plan): Promise<void> {
  const settings = {
    place,
    engine: ENGINE,
    models: STUDY_MODEL_NAMES,
    inputs: INPUTS,
    seconds: SECONDS,
    margin: MARGIN,
  }
  await inTemporaryFolder(async (folder) => {
    let models: readonly StudyModel[] | undefined
    await runStudy<Row>({
      name: `measure-aa-${place}`,
      question:
        'Two sessions of the same bytes: how often is one called faster? Every second pair beside a busy process.',
      settings,
      rows: pairs,
      run: async (index) => {
        models ??= await studyModels(folder)
        const neighbour = index % 2 === 0 ? 'quiet' : 'busy'
        const model = models[Math.floor(index / 2) % models.length]!
        const race = () => raceWithItself(place, model, index)
        const { comparison, environment } = await (neighbour === 'busy' ? besideBusyNeighbour(race) : race())
        return { row: { model: model.name, neighbour, ...raceRow(comparison) }, environment }
      },
      totals: (rows) => totalsOf(rows, maxFalseClaims),
    })
  })
}

async function raceWithItself(place: Place, { reference, data }: StudyModel, seed: number) {
  const models = await openModels([reference], REPOSITORY)
  const request = { engine: parseEngine(ENGINE), models, data, freeDimensions: {}, seed, repository: REPOSITORY }
  const laboratory = await openLaboratory({ ...request, progress: SILENT }, place)
  try {
    return await laboratory.compareLatency([0, 0], INPUTS, { seconds: SECONDS, margin: MARGIN })
  } finally {
    await laboratory.close()
  }
}

function totalsOf(rows: readonly Row[], maxFalseClaims: number): readonly Total[] {
  const is = (verdict: Row['verdict']) => rows.map((row) => row.verdict === verdict)
  const beside = (kind: Row['neighbour']) => rows.filter(({ neighbour }) => neighbour === kind)
  const withInterval = rows.filter(({ ci95 }) => ci95 !== null)
  return [
    total('false claims', rows.map(isClaim), atMost(maxFalseClaims)),
    total('false claims, quiet', beside('quiet').map(isClaim)),
    total('false claims, beside a busy neighbour', beside('busy').map(isClaim)),
    total(
      'with an interval: ten blocks or more',
      rows.map(({ ci95 }) => ci95 !== null),
    ),
    total('called the same', is('same')),
    total('undecided', is('undecided')),
    total(
      'the interval covers 1, of those that have one',
      withInterval.map((row) => covers(row, 1)),
    ),
    total(
      'restarted for a late speed-up',
      rows.map(({ restarts }) => restarts > 0),
    ),
    total(
      'drift told, quiet',
      beside('quiet').map(({ drift }) => drift !== null),
    ),
    total(
      'drift told, beside a busy neighbour',
      beside('busy').map(({ drift }) => drift !== null),
    ),
  ]
}
