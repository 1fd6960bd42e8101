// Whether the raced preset is worth its name: for each model `lathe best` runs as a person would run it, then its answer, the reference
// toolkit's default (int8 activations and weights, one scale per tensor, its own placement) and the original race in a process of their own.
// Run: npm run study:presets, on an otherwise idle machine.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, test } from 'vitest'

import type { BestAnswer } from '../../src/cli/run/best-answer'
import type { BenchRatio } from '../../src/cli/run/bench-result'
import type { EnvironmentRecord } from '../../src/engines/environment-record'
import type { PairedAccuracy } from '../../src/measure/accuracy-comparison'
import { buildLathe, latheJson } from '../cli/run-lathe'
import { writeResNet50, writeResNet50Samples } from './resnet-50'
import { runStudy, shareAtLeast, total, type Total } from './study-results'
import { inTemporaryFolder } from './study-models'

interface Subject {
  readonly name: string
  /** As on the command line; the study makes those in `folder`. */
  model(folder: string): string
  /** For ranges; the zoo's models bring theirs. */
  calibration?(folder: string): string
  /** Of each race. */
  readonly seconds: number
  /** Against the reference's default types: what the ratio, and the upper end of its interval, may be. */
  readonly bar?: { readonly ratio: number; readonly high: number }
}

const RESNET_50: Subject = {
  name: 'resnet-50',
  model: (folder) => join(folder, 'resnet-50.onnx'),
  calibration: (folder) => join(folder, 'resnet-50.npz'),
  seconds: 300,
  bar: { ratio: 0.65, high: 0.7 },
}
const SUBJECTS: readonly Subject[] = [
  RESNET_50,
  {
    name: 'fashion-resnet',
    model: () => 'zoo:fashion-resnet',
    calibration: () => 'zoo:fashion-mnist-calibration',
    seconds: 120,
    bar: { ratio: 0.8, high: Infinity },
  },
  { name: 'efficientnet-lite0', model: () => 'zoo:efficientnet-lite0', seconds: 240 },
  { name: 'tiny-mobilenet', model: () => 'tests/fixtures/models/tiny-mobilenet.onnx', seconds: 60 },
]
const CALIBRATION_SAMPLES = 16

/** Batch normalization is folded first, as the reference's own preparation does. */
const REFERENCE_RECIPE = {
  version: 1,
  steps: [
    { technique: 'fold-batch-norm' },
    { technique: 'fold-constants' },
    {
      technique: 'quantize-static',
      options: { placement: 'reference', activationType: 'int8', granularity: 'tensor' },
    },
  ],
}

type Pair = Pick<BenchRatio, 'ratio' | 'ci95' | 'verdict' | 'blocks'>

interface Row {
  readonly model: string
  /** Null: keep the original. */
  readonly winner: string | null
  /** Of `lathe best`: every candidate's ratio to the original, and why it lost. */
  readonly standings: readonly { readonly name: string; readonly ratio: number | null; readonly why: string | null }[]
  /** The winner, or the original where it is kept, ÷ the reference's file; null without one. */
  readonly toReference: Pair | null
  /** Original ÷ the reference's file, in the same race. */
  readonly originalToReference: Pair | null
  /** Winner ÷ original in a race of their own; null where it is the original, and where the reference raced with them. */
  readonly toOriginal: Pair | null
  /** The winner's, against the original; null without labels. */
  readonly accuracy: Pick<PairedAccuracy, 'difference' | 'ci95' | 'n'> | null
}

async function run(index: number): Promise<{ readonly row: Row; readonly environment: EnvironmentRecord }> {
  const subject = SUBJECTS[index]
  if (!subject) throw new Error(`There is no model ${index}.`)
  return inTemporaryFolder(async (folder) => {
    if (subject === RESNET_50) {
      writeResNet50(join(folder, 'resnet-50.onnx'))
      writeResNet50Samples(join(folder, 'resnet-50.npz'), CALIBRATION_SAMPLES)
    }
    const best = await findBest(subject, folder)
    const won = best.candidates.find(({ name }) => name === best.verdict?.winner)
    const accuracy = won?.answers?.accuracy
    const row = {
      model: subject.name,
      winner: won?.name ?? null,
      standings: standingsOf(best),
      ...(await race(subject, folder, best.output)),
      accuracy: accuracy ? { difference: accuracy.difference, ci95: accuracy.ci95, n: accuracy.n } : null,
    }
    return { environment: best.environment, row }
  })
}

async function findBest({ model, calibration, seconds }: Subject, folder: string): Promise<BestAnswer> {
  const data = calibration ? ['--calibration', calibration(folder)] : []
  const winner = join(folder, 'winner.onnx')
  const words = ['best', model(folder), ...data, '--samples', '0', '--seconds', String(seconds), '-o', winner]
  return (await latheJson(...words)) as unknown as BestAnswer
}

const standingsOf = ({ candidates, verdict }: BestAnswer): Row['standings'] =>
  candidates.map(({ name, latency }) => ({
    name,
    ratio: latency?.ratio ?? null,
    why: verdict?.standings.find((standing) => standing.name === name)?.reason?.kind ?? null,
  }))

/**
 * Once more, because a winner was picked for its figures: the reference's file first where there is one. For the whole time, because a race that
 * stops as soon as it is clear has a wide interval.
 */
async function race(
  { model, calibration, bar, seconds }: Subject,
  folder: string,
  winner: string | null,
): Promise<Pick<Row, 'toReference' | 'originalToReference' | 'toOriginal'>> {
  const original = model(folder)
  const bench = async (...files: readonly string[]): Promise<readonly (Pair | null)[]> => {
    const { ratios } = await latheJson('bench', ...files, '--seconds', String(seconds), '--sustained')
    return (ratios as readonly BenchRatio[]).map(({ ratio, ci95, verdict, blocks }) => ({
      ratio,
      ci95,
      verdict,
      blocks,
    }))
  }
  if (bar && calibration) {
    const [recipe, reference] = [join(folder, 'reference.json'), join(folder, 'reference.onnx')]
    writeFileSync(recipe, JSON.stringify(REFERENCE_RECIPE))
    await latheJson('compress', original, '-r', recipe, '-o', reference, '--data', calibration(folder))
    const [first = null, second = first] = await bench(reference, ...(winner === null ? [] : [winner]), original)
    return { toReference: first, originalToReference: second, toOriginal: null }
  }
  const [toOriginal = null] = winner === null ? [] : await bench(original, winner)
  return { toReference: null, originalToReference: null, toOriginal }
}

const ALL = shareAtLeast(1)

function totals(rows: readonly Row[]): readonly Total[] {
  const barred = rows.flatMap(({ model, toReference }) => {
    const bar = SUBJECTS.find(({ name }) => name === model)?.bar
    if (!bar) return []
    const isMet = toReference?.ratio != null && toReference.ratio <= bar.ratio
    const isHighMet = isMet && (toReference.ci95?.[1] ?? Infinity) <= bar.high
    const upper = Number.isFinite(bar.high) ? `, upper end at most ${bar.high}` : ''
    return [total(`${model}: ratio to the reference's default types at most ${bar.ratio}${upper}`, [isHighMet], ALL)]
  })
  const covers = rows.flatMap(({ accuracy }) => (accuracy ? [accuracy.ci95[0] <= 0 && accuracy.ci95[1] >= 0] : []))
  const raced = rows.flatMap(({ toOriginal }) => (toOriginal ? [toOriginal.verdict !== 'slower'] : []))
  return [
    ...barred,
    total('intervals of accuracy that cover 0', covers, ALL),
    total('winners that are not slower than the original when they race again', raced, ALL),
  ]
}

beforeAll(buildLathe, 60_000)
test('the raced preset', async () => {
  await runStudy<Row>({
    name: 'presets',
    question:
      'Is the raced preset faster than the reference toolkit’s default types, and never slower than the original?',
    command: 'npm run study:presets',
    settings: {
      seconds: SUBJECTS.map(({ seconds }) => seconds),
      calibration: CALIBRATION_SAMPLES,
      recipe: REFERENCE_RECIPE,
    },
    rows: SUBJECTS.length,
    run,
    totals,
  })
})
