// Keeps a study's rows on disk while it runs, so that one that was killed goes on where it stopped, and writes the totals at the end.
// Rows are kept only while settings, machine and the code of the procedure are the same; `LATHE_FRESH=1` starts anew, and
// `LATHE_TRIAL=5` runs the first five rows into a temporary folder and holds nothing to its bar.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'

import type { EnvironmentRecord } from '../../src/engines/environment-record'
import { wilsonInterval } from '../../src/measure/wilson-interval'

const root = join(import.meta.dirname, '../..')
const trialRows = process.env.LATHE_TRIAL ? Number(process.env.LATHE_TRIAL) : null
const folder = trialRows === null ? join(root, 'tests/studies/results') : join(tmpdir(), 'lathe-study-trial')
const Z95 = 1.959963984540054

/** How often something happened. */
export interface Total {
  readonly what: string
  readonly count: number
  readonly of: number
  /** Wilson, of the share. */
  readonly share95: readonly [number, number] | null
  /** Null for what is only told. */
  readonly bar: { readonly text: string; readonly isMet: boolean } | null
}

export interface Study<Row> {
  /** Of the results file, without `.json`. */
  readonly name: string
  readonly question: string
  /** Default `npm run study:measure`. */
  readonly command?: string
  /** Everything that the rows depend on besides code and machine; plain JSON. */
  readonly settings: object
  readonly rows: number
  /** `environment` is null where nothing real is timed. */
  run(index: number): Promise<{ readonly row: Row; readonly environment: EnvironmentRecord | null }>
  totals(rows: readonly Row[]): readonly Total[]
}

interface Saved<Row> {
  readonly key: string
  readonly environment: EnvironmentRecord | null
  readonly minutes: number
  readonly rows: readonly Row[]
}

/** Runs the rows that are missing, writes the results, and expects the bars to be met. */
export async function runStudy<Row extends object>(study: Study<Row>): Promise<void> {
  const { name, settings, totals } = study
  const file = join(folder, `${name}.json`)
  const key = createHash('sha256')
    .update(JSON.stringify([settings, machine(), procedureHash()]))
    .digest('hex')
  let saved = load<Row>(file, key)
  const wanted = Math.min(study.rows, trialRows ?? Infinity)
  const write = (): void => save(file, study, saved)
  while (saved.rows.length < wanted) {
    const start = performance.now()
    const { row, environment } = await study.run(saved.rows.length)
    const minutes = saved.minutes + (performance.now() - start) / 60_000
    saved = { key, environment: saved.environment ?? environment, minutes, rows: [...saved.rows, row] }
    write()
    console.log(`${name} ${saved.rows.length} of ${wanted}: ${JSON.stringify(row)}`)
  }
  // Totals may have changed although no row is missing.
  write()
  const judged = totals(saved.rows)
  console.log(
    judged.map(({ what, count, of, bar }) => `${what}: ${count} of ${of}${bar ? `, bar ${bar.text}` : ''}`).join('\n'),
  )
  console.log(`${name}: ${saved.minutes.toFixed(1)} minutes for ${saved.rows.length} rows`)
  if (trialRows !== null) return
  const missed = judged.filter(({ bar }) => bar?.isMet === false)
  expect(missed).toEqual([])
}

interface Bar {
  readonly text: string
  /** Whether that many are right. */
  judge(count: number, of: number): boolean
}

export const total = (what: string, hits: readonly boolean[], bar?: Bar): Total =>
  totalOf(what, hits.filter(Boolean).length, hits.length, bar)

export function totalOf(what: string, count: number, of: number, bar?: Bar): Total {
  const share95 = of > 0 ? wilsonInterval(count / of, of, Z95) : null
  return { what, count, of, share95, bar: bar ? { text: bar.text, isMet: bar.judge(count, of) } : null }
}

export const atMost = (limit: number): Bar => ({ text: `≤ ${limit}`, judge: (count) => count <= limit })
export const atLeast = (limit: number): Bar => ({ text: `≥ ${limit}`, judge: (count) => count >= limit })
const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`
export const shareAtMost = (limit: number): Bar => ({
  text: `≤ ${percent(limit)}`,
  judge: (count, of) => count <= limit * of,
})
export const shareAtLeast = (limit: number): Bar => ({
  text: `≥ ${percent(limit)}`,
  judge: (count, of) => count >= limit * of,
})

function load<Row>(file: string, key: string): Saved<Row> {
  const none: Saved<Row> = { key, environment: null, minutes: 0, rows: [] }
  if (process.env.LATHE_FRESH === '1' || !existsSync(file)) return none
  const found: Saved<Row> = JSON.parse(readFileSync(file, 'utf8'))
  return found.key === key ? found : none
}

/** One row a line, so that a diff shows which runs are others. */
function save<Row>(
  file: string,
  { question, command = 'npm run study:measure', settings, rows: planned, totals }: Study<Row>,
  saved: Saved<Row>,
): void {
  const { key, environment, minutes, rows } = saved
  const facts = {
    ...{ question, command, key, machine: machine(), environment, settings },
    ...{ minutes: Number(minutes.toFixed(2)), done: `${rows.length} of ${planned}`, totals: totals(rows) },
  }
  const head = JSON.stringify(facts, shorten, 2).replace(/\n\}$/, '')
  const lines = rows.map((row) => `    ${JSON.stringify(row, shorten)}`).join(',\n')
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, `${head},\n  "rows": [\n${lines}\n  ]\n}\n`)
}

/** Six digits say everything that a clock knows. */
const shorten = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

const machine = () => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGB: Math.round(totalmem() / 2 ** 30),
  system: `${process.platform} ${process.arch}`,
  node: process.versions.node,
})

const TIMING_CODE = ['latency-job', 'racing-sessions', 'bound-session', 'ort-door', 'ort-session', 'ort-tensor']

/** Of the code that times and decides: rows of another procedure say nothing about this one. */
function procedureHash(): string {
  const measure = readdirSync(join(root, 'src/measure')).filter((name) => !/(-text|\.test)\.ts$/.test(name))
  const files = [
    ...measure.sort().map((name) => join('src/measure', name)),
    ...TIMING_CODE.map((name) => join('workers/host', `${name}.ts`)),
  ]
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}
