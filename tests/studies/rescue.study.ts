// What rescues networks that plain rounding hurts: equalized layers, smoothed activations, weight ranges of least output error and corrected
// biases, each alone and together, against the float model. Settings are those where the reference toolkit's way loses visibly (one scale per
// tensor, depthwise convolutions in integers, weights of 4 bits). Answers are those of the highest optimization level.
// Run: npm run study:rescue (LATHE_MODELS=digits,minilm for some of them); the transformer joins where tools/zoo/convert_minilm.py has made .cache/minilm

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import type { Model } from '../../src/core/model/model'
import { measureError } from '../../src/core/numeric/error-metrics'
import { joinParts } from '../../src/core/numeric/join-parts'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import type { CalibrationData } from '../../src/core/pass/pass-context'
import { runRecipe } from '../../src/core/pass/run-recipe'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import { parseRecipe } from '../../src/core/recipe/parse-recipe'
import { argmax } from '../../src/data/classification'
import { decodeNpzDataset } from '../../src/data/npz-dataset'
import { comparePaired, SINGLE_LOOK_Z } from '../../src/measure/accuracy-comparison'
import { clusteredAgreement } from '../../src/measure/clustered-agreement'
import { wilsonInterval } from '../../src/measure/wilson-interval'
import { catalog } from '../../src/techniques/catalog'
import { passes } from '../../src/techniques/passes'
import { ZOO_MODELS, type ZooModelId } from '../../src/zoo/catalog'
import { loadDataset } from '../../src/zoo/load-dataset'
import { loadZooModel } from '../../src/zoo/load-model'
import { zooReader } from '../../src/cli/zoo-files'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { testContext } from '../fixtures/test-context'

const root = join(import.meta.dirname, '../..')
const results = join(root, 'tests/studies/results/rescue.json')
const read = zooReader(root)

interface Subject {
  readonly name: string
  readonly model: Model
  readonly output: string
  readonly evaluation: CalibrationData & { readonly labels?: readonly number[]; readonly clusters?: readonly number[] }
  readonly calibration: CalibrationData
  readonly images: number
}
type Options = Readonly<Record<string, unknown>>
interface Step {
  readonly technique: string
  readonly options?: Options
}
interface Case {
  readonly setting: string
  readonly rescue: string
  readonly steps: readonly Step[]
}

const PREPARATION: readonly Step[] = [{ technique: 'fold-batch-norm' }, { technique: 'fold-constants' }]
const SAMPLES = { calibrationSamples: 64 }

const EQUALIZE: Step = { technique: 'equalize-layers' }
const TURNED: Step = { technique: 'equalize-layers', options: { limits: 'per-channel' } }
const SMOOTH: Step = { technique: 'smooth-activations', options: SAMPLES }
const SMOOTH_SEARCHED: Step = { technique: 'smooth-activations', options: { ...SAMPLES, searchAlpha: true } }
const RANGES: Options = { weightRange: 'mse' }
const BIASES: Options = { biasCorrection: true }

/** A setting with nothing, with each rescue alone and with all that fit it. */
function cases(setting: string, options: Options, before: Readonly<Record<string, readonly Step[]>>): readonly Case[] {
  const quantize = (more: Options = {}): Step => ({
    technique: 'quantize-static',
    options: { ...SAMPLES, ...options, ...more },
  })
  const alone = Object.entries(before).map(([rescue, steps]) => ({ rescue, steps: [...steps, quantize()] }))
  const [all = []] = Object.values(before)
  return [
    { rescue: 'none', steps: [quantize()] },
    ...alone,
    { rescue: 'weight ranges', steps: [quantize(RANGES)] },
    { rescue: 'bias correction', steps: [quantize(BIASES)] },
    { rescue: 'ranges and biases', steps: [quantize({ ...RANGES, ...BIASES })] },
    { rescue: `all, with ${Object.keys(before)[0] ?? ''}`, steps: [...all, quantize({ ...RANGES, ...BIASES })] },
  ].map(({ rescue, steps }) => ({ setting, rescue, steps: [...PREPARATION, ...steps] }))
}

/** What `quantize_static` of the reference toolkit does without options. */
const REFERENCE = { placement: 'reference', activationType: 'int8', granularity: 'tensor' }
/** Each sample of a large image has thousands of positions. */
const FEWER = { fittingSamples: 16 }
const SMOOTHED = { 'smoothed activations': [SMOOTH], 'smoothed, alpha searched': [SMOOTH_SEARCHED] }
const CASES: Readonly<Record<string, readonly Case[]>> = {
  digits: cases(
    '4-bit weights, one scale per tensor',
    { weightType: 'int4', granularity: 'tensor' },
    { 'equalized layers': [EQUALIZE] },
  ),
  'fashion-resnet': [
    ...cases(
      '4-bit weights, one scale per tensor',
      { weightType: 'int4', granularity: 'tensor' },
      { 'equalized layers': [EQUALIZE] },
    ),
    ...cases('4-bit weights, one scale per channel', { weightType: 'int4' }, { 'equalized layers': [EQUALIZE] }),
  ],
  'efficientnet-lite0': [
    ...cases(
      'reference, its defaults',
      { ...REFERENCE, ...FEWER },
      {
        'equalized layers, bounds per channel': [TURNED],
        'equalized layers': [EQUALIZE],
      },
    ),
    ...cases(
      '8 bits, one scale per channel, depthwise too',
      { depthwise: true, ...FEWER },
      { 'equalized layers': [EQUALIZE] },
    ),
  ],
  minilm: [
    ...cases('8 bits, one scale per tensor', { granularity: 'tensor' }, SMOOTHED),
    ...cases('8 bits, one scale per channel', {}, SMOOTHED),
  ],
}

async function zooSubject(id: ZooModelId, images: number): Promise<Subject> {
  const { datasetId, calibrationId, output } = ZOO_MODELS[id]
  return {
    name: id,
    model: decodeModel(await loadZooModel(id, read)),
    output,
    evaluation: await loadDataset(datasetId, read),
    calibration: await loadDataset(calibrationId, read),
    images,
  }
}

function minilm(): Subject | undefined {
  const folder = join(root, '.cache/minilm')
  if (!existsSync(folder)) return undefined
  const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))
  const model = decodeModel(file('model.onnx'))
  const data = (name: string) => decodeNpzDataset(file(name), name)
  const evaluation = data('evaluation.npz')
  return {
    name: 'minilm',
    model,
    output: model.graph.outputs[0]?.name ?? '',
    evaluation,
    calibration: data('calibration.npz'),
    images: Math.min(evaluation.size, 64),
  }
}

const engine = await createNodeEngine({ threads: 1 })

async function answers(model: Model, { evaluation, images, output }: Subject): Promise<readonly Float32Array[]> {
  const session = await engine.open(joinParts(encodeParts(model)), { optimization: 'all' })
  const found: Float32Array[] = []
  for (let index = 0; index < images; index++) {
    found.push(floatsOf(await session.run(await evaluation.sample(index)), output))
  }
  await session.close()
  return found
}

function floatsOf(values: NamedValues, output: string): Float32Array {
  const data = values[output]?.data
  if (data instanceof Float32Array) return data.slice()
  throw new TypeError(`"${output}" is not float32.`)
}

interface Row {
  readonly model: string
  readonly setting: string
  readonly rescue: string
  readonly n: number
  readonly sqnrDb: number
  /** Share of samples with the same first class as the float model. */
  readonly agreement?: readonly [share: number, low: number, high: number]
  /** Variant − original, in points. */
  readonly accuracy?: readonly [difference: number, low: number, high: number]
  readonly seconds: number
}

async function measure(
  subject: Subject,
  { setting, rescue, steps }: Case,
  truth: readonly Float32Array[],
): Promise<Row> {
  const start = performance.now()
  const recipe = parseRecipe({ version: 1, steps }, catalog)
  const host = { ...testContext(), calibration: subject.calibration, now: () => performance.now() }
  const { model } = await runRecipe(subject.model, recipe, { catalog, passes }, host)
  const seconds = (performance.now() - start) / 1000
  const found = await answers(model, subject)
  const { sqnrDb } = measureError(
    truth.flatMap((values) => [...values]),
    found.flatMap((values) => [...values]),
  )
  return { model: subject.name, setting, rescue, n: found.length, sqnrDb, ...judge(subject, truth, found), seconds }
}

function judge(
  { evaluation }: Subject,
  truth: readonly Float32Array[],
  found: readonly Float32Array[],
): Pick<Row, 'agreement' | 'accuracy'> {
  const { labels, clusters } = evaluation
  if (!labels && !clusters) return {}
  const [own, original] = [found.map(argmax), truth.map(argmax)]
  const agrees = own.map((answer, index) => answer === original[index])
  const share = agrees.filter(Boolean).length / agrees.length
  const ci = clusters
    ? clusteredAgreement(agrees, clusters.slice(0, agrees.length)).ci95
    : wilsonInterval(share, agrees.length, SINGLE_LOOK_Z)
  if (!labels) return { agreement: [share, ...ci] }
  const right = (answers: readonly number[]): boolean[] => answers.map((answer, index) => answer === labels[index])
  const { difference, ci95 } = comparePaired(right(original), right(own))
  return { agreement: [share, ...ci], accuracy: [100 * difference, 100 * ci95[0], 100 * ci95[1]] }
}

test('each rescue alone and together', async () => {
  const wanted = process.env.LATHE_MODELS?.split(',')
  const subjects = [
    await zooSubject('digits', 500),
    await zooSubject('fashion-resnet', 500),
    await zooSubject('efficientnet-lite0', 110),
    minilm(),
  ]
  const rows: Row[] = []
  for (const subject of subjects) {
    if (!subject || (wanted && !wanted.includes(subject.name))) continue
    const truth = await answers(subject.model, subject)
    for (const one of CASES[subject.name] ?? []) {
      rows.push(await measure(subject, one, truth))
      console.log(JSON.stringify(rows.at(-1), shorten))
    }
    save(rows)
  }
  const missed = plainLosses(rows).filter(({ best, loss }) => !(best < loss))
  expect(missed).toEqual([])
})

/**
 * Points that plain rounding loses (of accuracy, else of agreement) where it loses over half a point, those with all rescues together, which
 * were fixed beforehand, and those with the best one, which is picked by these very figures and so flatters.
 */
function plainLosses(rows: readonly Row[]) {
  const lossOf = ({ accuracy, agreement }: Row): number =>
    accuracy ? -accuracy[0] : agreement ? 100 * (1 - agreement[0]) : 0
  const plain = rows.filter((row) => row.rescue === 'none' && lossOf(row) > 0.5)
  return plain.map(({ model, setting, ...row }) => {
    const others = rows.filter((other) => other.model === model && other.setting === setting && other.rescue !== 'none')
    const together = others.filter(({ rescue }) => rescue.startsWith('all, ')).map(lossOf)[0] ?? NaN
    return { model, setting, loss: lossOf({ model, setting, ...row }), together, best: Math.min(...others.map(lossOf)) }
  })
}

/** Rows of models that were not measured this time stay. */
function save(measured: readonly Row[]): void {
  const names = new Set(measured.map(({ model }) => model))
  const rows = [...savedRows().filter(({ model }) => !names.has(model)), ...measured]
  mkdirSync(join(root, 'tests/studies/results'), { recursive: true })
  const facts = {
    question: 'What does each rescue give back where plain rounding hurts?',
    command: 'npm run study:rescue',
    runtime: engine.facts.runtime,
    bar: 'some rescue leaves a smaller loss wherever plain rounding loses more than half a point',
    losses: plainLosses(rows),
  }
  const lines = rows.map((row) => `  ${JSON.stringify(row, shorten)}`).join(',\n')
  writeFileSync(results, `${JSON.stringify(facts, shorten, 1).replace(/\n\}$/, '')},\n "rows": [\n${lines}\n ]\n}\n`)
}

const savedRows = (): readonly Row[] =>
  existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')) as { readonly rows: readonly Row[] }).rows : []

const shorten = (_: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toFixed(3)) : value)

test('the table of docs/rescue.md is that of the results', () => {
  save([])
  const rows = savedRows()
  const page = join(root, 'docs/rescue.md')
  const before = readFileSync(page, 'utf8')
  const after = before.replace(/(?<=<!-- table -->\n)[^]*(?=<!-- end of the table -->)/, () => `\n${tableOf(rows)}\n\n`)
  writeFileSync(page, after)
  expect(after).toContain(tableOf(rows))
})

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ model, setting, rescue, n, sqnrDb, agreement, accuracy, seconds }) => {
    const same = agreement ? `${percent(agreement[0])} (${percent(agreement[1])}…${percent(agreement[2])})` : '–'
    const points = accuracy ? `${signed(accuracy[0])} (${signed(accuracy[1])}…${signed(accuracy[2])})` : '–'
    return [model, setting, rescue, n, sqnrDb.toFixed(1), same, points, seconds.toFixed(0)]
  })
  const head = [
    'Model',
    'Setting',
    'Rescue',
    'n',
    'SQNR, dB',
    'Same first class, % (95 % CI)',
    'Accuracy, points (95 % CI)',
    'Seconds',
  ]
  const table = [head, head.map(() => '---'), ...lines]
  return table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const percent = (share: number): string => (100 * share).toFixed(1)
const signed = (points: number): string => (points > 0 ? `+${points.toFixed(1)}` : points.toFixed(1))
