// Lathe against onnxruntime.quantization 1.30, file by file: every model of tests/conformance and the zoo's over the grid of options, on the
// reference's own ranges. Tensors are compared value for value, and both files are run in the same ONNX Runtime: the WASM build and the native one.
// Writes tests/studies/results/reference.json and docs/reference-comparison.md.
// Run: LATHE_PYTHON=… npm run study:reference; LATHE_MODELS=bert,vit runs those anew and keeps the rows of the others

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'

import { tensorBytes } from '../../src/core/model/tensor'
import { encodeFloat16 } from '../../src/core/numeric/float16'
import { joinParts } from '../../src/core/numeric/join-parts'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import type { Model } from '../../src/core/model/model'
import { defaultOptions } from '../../src/core/options/parse-options'
import type { NamedValues, TensorValue } from '../../src/core/pass/tensor-value'
import type { Engine } from '../../src/engines/engine'
import { apply as foldBatchNorm } from '../../src/techniques/fold-batch-norm/apply'
import { spec as foldSpec } from '../../src/techniques/fold-batch-norm/spec'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { compareCase, factsOfFile, GRAPH, type Deviation } from '../conformance/compare-with-reference'
import { feedsOf, type CaseModel } from '../conformance/reference-cases'
import { DEVIATIONS, explain } from '../conformance/reference-deviations.table'
import { initializersOf } from '../conformance/reference-hash'
import { compareRanges } from '../conformance/reference-ranges'
import { nameInLathe, runCase } from '../conformance/reference-options'
import { testContext } from '../fixtures/test-context'
import { numbersOf } from './reference-numbers'
import { referenceFiles, runNatively, type Pair, type PairAnswer, type ReferenceFiles } from './reference-python'
import { referenceTable } from './reference-table'

const root = join(import.meta.dirname, '../..')
const wanted = process.env.LATHE_MODELS?.split(',')
const results = join(root, 'tests/studies/results/reference.json')
const table = join(root, 'docs/reference-comparison.md')
/** Sample that the outputs are compared on. */
const SAMPLE = 1

export interface RunTally {
  same: number
  /** Cases whose outputs differ, with the largest difference. */
  readonly different: Record<string, number>
  /** What ONNX Runtime said where it runs neither, and the number of cases. */
  readonly neither: Record<string, number>
  /** Cases of which it runs Lathe's file, but not the reference's. */
  readonly onlyLathe: string[]
  readonly onlyReference: string[]
}
/** Ranges of one model by one method. */
export interface RangeRow {
  readonly model: string
  readonly method: string
  readonly tensors: number
  /** Largest difference, in units of the range. */
  readonly worst: number
  readonly beyond: readonly string[]
}
/** What came of one technique on one model. */
export interface ReferenceRow {
  readonly model: string
  readonly tool: string
  cases: number
  /** What the reference said where it refused, with the number of cases. */
  readonly referenceRefused: Record<string, number>
  /** Tensors, graphs and opsets that are equal. */
  equal: number
  /** Reason → number of tensors, graphs and opsets. */
  readonly explained: Record<string, number>
  readonly unexplained: string[]
  /** Cases whose outputs are computed otherwise, all for a listed reason. */
  readonly otherGraph: string[]
  readonly wasm: RunTally
  readonly native: RunTally
}

const emptyRun = (): RunTally => ({ same: 0, different: {}, neither: {}, onlyLathe: [], onlyReference: [] })

function tally(run: RunTally, name: string, { isSame, most, errors: [theirs, ours] }: PairAnswer): void {
  const said = theirs?.replace(/\d+/g, 'N')
  if (theirs === null && ours === null) {
    if (isSame) run.same++
    else run.different[name] = most
  } else if (theirs === null) run.onlyReference.push(`${name}: ${ours}`)
  else if (ours === null) run.onlyLathe.push(name)
  else if (said) run.neither[said] = (run.neither[said] ?? 0) + 1
}

const emptyRow = (model: string, tool: string): ReferenceRow => ({
  ...{ model, tool, cases: 0, referenceRefused: {}, equal: 0, explained: {}, unexplained: [], otherGraph: [] },
  ...{ wasm: emptyRun(), native: emptyRun() },
})

interface Source {
  readonly name: string
  readonly file: string
  readonly isZoo: boolean
}

function sources(): readonly Source[] {
  const own = readdirSync(join(root, 'tests/conformance/models')).filter((name) => name.endsWith('.onnx'))
  const made = own.map((name) => ({
    name: basename(name, '.onnx'),
    file: `tests/conformance/models/${name}`,
    isZoo: false,
  }))
  const zoo = ['digits', 'fashion-resnet', 'efficientnet-lite0']
  const all = [...made, ...zoo.map((name) => ({ name, file: `public/zoo/${name}/model.onnx`, isZoo: true }))]
  return wanted ? all.filter(({ name }) => wanted.includes(name)) : all
}

/** The model as both tools get it: the zoo's without batch normalizations, which both would fold first. */
async function prepare(
  { file, isZoo }: Source,
  folder: string,
): Promise<{ readonly model: Model; readonly path: string }> {
  const path = join(root, file)
  const model = decodeModel(new Uint8Array(readFileSync(path)))
  if (!isZoo) return { model, path }
  const prepared = (await foldBatchNorm(model, defaultOptions(foldSpec.options), testContext())).model
  return { model: prepared, path: save(join(folder, 'prepared.onnx'), prepared) }
}

function save(path: string, model: Model): string {
  writeFileSync(path, joinParts(encodeParts(model)))
  return path
}

interface ModelRows {
  readonly rows: readonly ReferenceRow[]
  readonly ranges: readonly RangeRow[]
}

async function compareModel(source: Source, engine: Engine): Promise<ModelRows> {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-reference-'))
  try {
    const { model, path } = await prepare(source, folder)
    const made = await referenceFiles(path, folder, !source.isZoo)
    const rows: Record<string, ReferenceRow> = {}
    const pairs: { readonly row: ReferenceRow; readonly name: string; readonly pair: Pair }[] = []
    for (const case_ of made.cases) {
      const row = (rows[case_.options.tool] ??= emptyRow(source.name, case_.options.tool))
      const pair = await compareFiles(model, made, case_, { row, folder })
      if (!pair) continue
      pairs.push({ row, name: case_.name, pair })
      tally(row.wasm, case_.name, await runInWasm(engine, pair))
    }
    const answers = await runNatively(
      pairs.map(({ pair }) => pair),
      folder,
    )
    pairs.forEach(({ row, name }, index) => tally(row.native, name, answers[index]!))
    return { rows: Object.values(rows), ranges: await compareAllRanges(source.name, model, made) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const RANGE_BAR = 1e-5

async function compareAllRanges(name: string, model: Model, made: ReferenceFiles): Promise<readonly RangeRow[]> {
  const rows: RangeRow[] = []
  for (const method of ['MinMax', ...Object.keys(made.calibrations)]) {
    const differences = await compareRanges(model, made, { method, samples: made.samples })
    const worst = Math.max(...differences.map(({ relative }) => relative))
    const beyond = differences.filter(({ relative }) => !(relative <= RANGE_BAR))
    const told = beyond.map(
      ({ tensor, theirs, ours }) => `${tensor}: reference ${theirs.join('…')}, Lathe ${ours.join('…')}`,
    )
    rows.push({ model: name, method, tensors: differences.length, worst, beyond: told })
  }
  return rows
}

type Case = ReferenceFiles['cases'][number]

/** Compares the tensors of both files of a case; the files for running them, where there are two. */
async function compareFiles(
  model: Model,
  made: ReferenceFiles,
  { name, options, file, error, overrides }: Case,
  { row, folder }: { readonly row: ReferenceRow; readonly folder: string },
): Promise<Pair | undefined> {
  row.cases++
  if (file === null) {
    const said = (error ?? '').replace(/\d+/g, 'N')
    row.referenceRefused[said] = (row.referenceRefused[said] ?? 0) + 1
    return undefined
  }
  const theirs = decodeModel(new Uint8Array(readFileSync(join(folder, file))))
  const key = options.tool === 'static' ? String(options.extra_options['TensorQuantOverrides']) : ''
  const facts: CaseModel = { ...made, overrides: overrides ? { [key]: overrides } : {} }
  let ours: Model | undefined
  const make = async (): Promise<Model> => (ours = (await runCase(model, facts, options, testContext())).model)
  const nameOf = (tensor: string): string => nameInLathe(options, tensor)
  const where = { model: row.model, caseName: name }
  const { equal, deviations } = await compareCase(where, factsOfFile(theirs), nameOf, make)
  row.equal += equal
  if (deviations.some(({ subject }) => subject === GRAPH)) row.otherGraph.push(name)
  for (const deviation of deviations) {
    const line = explain(deviation)
    if (line) row.explained[line.reason] = (row.explained[line.reason] ?? 0) + 1
    else row.unexplained.push(describeDeviation(deviation, theirs, ours))
  }
  return ours && [join(folder, file), save(join(folder, `lathe-${file}`), ours), made.inputs]
}

const SHOWN = 4

function describeDeviation(
  { caseName, subject, kind, text }: Deviation,
  theirs: Model,
  ours: Model | undefined,
): string {
  const show = (model: Model | undefined): string => {
    const tensor = model && initializersOf(model.graph).get(subject)
    if (!tensor) return '—'
    const numbers = tensorBytes(tensor).byteLength > 0 ? numbersOf(tensor) : []
    return `${tensor.dtype}[${tensor.dims.join(',')}] ${numbers.slice(0, SHOWN).join(' ')}`
  }
  return [caseName, subject, kind, text ?? `reference ${show(theirs)}, Lathe ${show(ours)}`].join(' · ')
}

async function runInWasm(engine: Engine, [first, second, inputs]: Pair): Promise<PairAnswer> {
  const [theirs, ours] = [await answer(engine, first, inputs), await answer(engine, second, inputs)]
  if (typeof theirs === 'string' || typeof ours === 'string') {
    const said = (got: NamedValues | string): string | null => (typeof got === 'string' ? got : null)
    return { isSame: false, most: 0, errors: [said(theirs), said(ours)] }
  }
  const most = Math.max(...Object.keys(theirs).map((output) => largestDifference(theirs, ours, output)))
  return { isSame: most === 0, most, errors: [null, null] }
}

/** Outputs, or what the engine said. */
async function answer(engine: Engine, file: string, inputs: Pair[2]): Promise<NamedValues | string> {
  try {
    const session = await engine.open(new Uint8Array(readFileSync(file)), { optimization: 'all' })
    try {
      const halves = new Set(session.inputs.filter(({ dtype }) => dtype === 'float16').map(({ name }) => name))
      const feeds = Object.entries(feedsOf(inputs, SAMPLE))
      return await session.run(
        Object.fromEntries(feeds.map(([name, value]) => [name, halves.has(name) ? inFloat16(value) : value])),
      )
    } finally {
      await session.close()
    }
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  }
}

const inFloat16 = ({ dims, data }: TensorValue): TensorValue => ({
  dtype: 'float16',
  dims,
  data: encodeFloat16(Float32Array.from(data, Number)),
})

/** 0 only for equal bits. */
function largestDifference(a: NamedValues, b: NamedValues, output: string): number {
  const [first, second] = [a[output]?.data ?? [], b[output]?.data ?? []]
  if (first.length !== second.length) return Infinity
  let most = 0
  for (let i = 0; i < first.length; i++) {
    if (!Object.is(first[i], second[i]))
      most = Math.max(most, Math.abs(Number(first[i]) - Number(second[i])) || Infinity)
  }
  return most
}

/** Other outputs of what is computed alike, and files that only the reference's runtime takes. */
const outputsToExplain = ({ model, otherGraph, wasm, native }: ReferenceRow): readonly string[] =>
  [wasm, native]
    .flatMap(({ different, onlyReference }) => [
      ...Object.keys(different).filter((name) => !otherGraph.includes(name)),
      ...onlyReference,
    ])
    .map((name) => `${model}: ${name}`)

const summary = ({ model, tool, cases, equal, unexplained, wasm, native }: ReferenceRow): string =>
  `${model} ${tool}: ${cases} cases, ${equal} equal, ${unexplained.length} unexplained, same outputs ${wasm.same} and ${native.same}`

interface Report extends ModelRows {
  readonly command: string
  readonly runtime: string
}

/** `fresh`, and the rows of models that were not run this time. */
function merged(fresh: Report): Report {
  if (!wanted || !existsSync(results)) return fresh
  const before: Report = JSON.parse(readFileSync(results, 'utf8'))
  const isKept = ({ model }: { readonly model: string }): boolean => !wanted.includes(model)
  const ranges = [...before.ranges.filter(isKept), ...fresh.ranges]
  return { ...fresh, rows: [...before.rows.filter(isKept), ...fresh.rows], ranges }
}

test('Lathe makes what onnxruntime.quantization 1.30 makes', async () => {
  const engine = await createNodeEngine({ threads: 1 })
  const rows: ReferenceRow[] = []
  const ranges: RangeRow[] = []
  for (const source of sources()) {
    const made = await compareModel(source, engine)
    rows.push(...made.rows)
    ranges.push(...made.ranges)
    console.log(made.rows.map(summary).join('\n'))
  }
  await engine.close()
  const report = merged({ command: 'npm run study:reference', runtime: engine.facts.runtime, rows, ranges })
  writeFileSync(results, `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(table, referenceTable(report.rows, report.ranges))
  expect(rows.flatMap(({ unexplained }) => unexplained)).toEqual([])
  expect(rows.flatMap(outputsToExplain)).toEqual([])
  expect(ranges.flatMap(({ beyond }) => beyond)).toEqual([])
  const reasons = new Set(report.rows.flatMap(({ explained }) => Object.keys(explained)))
  expect(DEVIATIONS.filter(({ reason }) => !reasons.has(reason))).toEqual([])
})
