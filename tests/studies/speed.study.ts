// How long `lathe compress` takes as a whole process on one core, against the reference toolkit in Python on the same file, and how much
// memory. Models of the shape of BERT and ResNet-50 with random weights are made in a temporary folder.
// Run: LATHE_PYTHON=/path/to/python npx vitest run --config vitest.study.config.ts --no-file-parallelism speed
// Needs that Python with onnxruntime 1.30, onnx, onnx_ir and numpy, and an otherwise idle machine. LATHE_STUDY_DIR names a folder that
// keeps the models.

import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'

import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { buildLathe } from '../cli/run-lathe'
import { pythonName, runPython } from './reference-python'
import { runStudy, shareAtLeast, total, type Total } from './study-results'

const SCRIPT = 'tools/studies/speed.py'
const LATHE = join(REPOSITORY, 'dist-cli/lathe.mjs')
const RUNS = 5

interface Task {
  readonly model: 'bert-200' | 'bert-37' | 'resnet50'
  readonly preset: 'int8-dynamic' | 'int4-weights' | 'fp16' | 'int8-static'
  /** What speed.py calls it. */
  readonly tool: string
  /** Python's time over Lathe's, at least; absent: only told. */
  readonly speed?: number
  /** Peak beyond an idle command over the size of the file, at most. */
  readonly memory?: number
}

const TASKS: readonly Task[] = [
  { model: 'bert-200', preset: 'int8-dynamic', tool: 'int8-dynamic', speed: 6, memory: 1.35 },
  // The toolkit's default. Lathe's is a scale per channel, which is what the row above compares.
  { model: 'bert-200', preset: 'int8-dynamic', tool: 'int8-tensor' },
  { model: 'bert-200', preset: 'int4-weights', tool: 'int4', speed: 2, memory: 1.35 },
  { model: 'bert-200', preset: 'fp16', tool: 'fp16', speed: 3, memory: 1.6 },
  { model: 'bert-37', preset: 'int8-dynamic', tool: 'int8-dynamic', speed: 3 },
  { model: 'bert-37', preset: 'int4-weights', tool: 'int4', speed: 1.5 },
  { model: 'bert-37', preset: 'fp16', tool: 'fp16', speed: 1.5 },
  // In WASM, against native code.
  { model: 'resnet50', preset: 'int8-static', tool: 'int8-static', speed: 1 / 1.5 },
]

/** Of one process: the clock on the wall, the time that the core worked for it, the largest resident set. */
interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakBytes: number
}
interface Row {
  readonly task: number
  readonly fileBytes: number
  readonly lathe: Cost
  readonly python: Cost
  readonly idle: Cost
}

const given = process.env.LATHE_STUDY_DIR
const folder = given ?? mkdtempSync(join(tmpdir(), 'lathe-speed-'))

const PREPARING_MS = 300_000

beforeAll(async () => {
  await buildLathe()
  if (!existsSync(join(folder, 'resnet50.npz'))) await runPython(SCRIPT, 'make', folder)
}, PREPARING_MS)
afterAll(() => {
  if (given === undefined) rmSync(folder, { recursive: true })
})

const timed = async (...command: readonly string[]): Promise<Cost> =>
  JSON.parse(await runPython(SCRIPT, 'timed', ...command))

/** Each row runs both tools once, in turn and by rounds, so that a slow minute of the machine meets both and no task alone. */
async function run(index: number): Promise<{ readonly row: Row; readonly environment: null }> {
  const at = index % TASKS.length
  const task = TASKS[at]
  if (!task) throw new Error(`There is no task ${at}.`)
  const [model, output] = [join(folder, `${task.model}.onnx`), join(folder, 'out.onnx')]
  const samples = task.preset === 'int8-static' ? [join(folder, `${task.model}.npz`)] : []
  const data = samples.flatMap((path) => ['--data', path])
  const idle = await timed(process.execPath, LATHE, 'techniques')
  const lathe = await timed(process.execPath, LATHE, 'compress', model, '-r', task.preset, '-o', output, ...data)
  const python = await timed(pythonName, join(REPOSITORY, SCRIPT), task.tool, model, output, ...samples)
  return { row: { task: at, fileBytes: statSync(model).size, lathe, python, idle }, environment: null }
}

function totals(rows: readonly Row[]): readonly Total[] {
  return TASKS.flatMap(({ model, tool, speed, memory }, task) => {
    const own = rows.filter((row) => row.task === task)
    if (own.length === 0) return []
    const ratio = (time: 'wallMs' | 'cpuMs'): number =>
      median(own.map(({ python }) => python[time])) / median(own.map(({ lathe }) => lathe[time]))
    const beyondIdle = own.map(({ lathe, idle, fileBytes }) => (lathe.peakBytes - idle.peakBytes) / fileBytes)
    const [wall, cpu, peak] = [ratio('wallMs'), ratio('cpuMs'), median(beyondIdle)].map((value) =>
      Number(value.toFixed(2)),
    )
    const faster = `${model} ${tool}: ${wall} times as fast (by processor time ${cpu})`
    const judged = speed === undefined ? [] : [(wall ?? 0) >= speed]
    const larger = `${model} ${tool}: peak beyond idle ${peak} × file, bar ≤ ${memory}`
    return [
      speed === undefined
        ? total(faster, judged)
        : total(`${faster}, bar ≥ ${speed.toFixed(2)}`, judged, shareAtLeast(1)),
      ...(memory === undefined ? [] : [total(larger, [(peak ?? Infinity) <= memory], shareAtLeast(1))]),
    ]
  })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return ((low ?? NaN) + (high ?? NaN)) / 2
}

test('compressing takes a fraction of the time of the Python tools, and little more memory than the file', () =>
  runStudy<Row>({
    name: 'speed',
    question: 'How long does compressing take as a whole process on one core, against the reference toolkit in Python?',
    command: 'LATHE_PYTHON=… npm run study:speed',
    settings: { runs: RUNS, tasks: TASKS },
    rows: RUNS * TASKS.length,
    run,
    totals,
  }))
