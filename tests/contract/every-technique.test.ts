// What every technique of the catalogue promises, on small models of all kinds. A new technique is held to it without another line here.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { LabError } from '../../src/core/errors/lab-error'
import type { Model } from '../../src/core/model/model'
import { verifyGraph, verifyInterface } from '../../src/core/model/verify-graph'
import { measureError } from '../../src/core/numeric/error-metrics'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { optionsTable } from '../../src/core/options/options-table'
import { defaultOptions, parseOptions } from '../../src/core/options/parse-options'
import type { OptionSpec, TechniqueSpec } from '../../src/core/options/spec'
import type { CalibrationData, PassContext } from '../../src/core/pass/pass-context'
import type { PassResult } from '../../src/core/pass/technique'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import { joinParts } from '../../src/core/numeric/join-parts'
import { catalog } from '../../src/techniques/catalog'
import { passes } from '../../src/techniques/passes'
import { runModel } from '../fixtures/run-model'
import { SMALL_MODELS, type SmallModel } from '../fixtures/small-models'
import { testContext } from '../fixtures/test-context'

type OptionValues = Readonly<Record<string, unknown>>
type AnyApply = (model: Model, options: OptionValues, context: PassContext) => Promise<PassResult>
const TECHNIQUES = Object.entries(catalog).map(([id, spec]) => ({
  id,
  spec: spec as TechniqueSpec,
  apply: passes[id as keyof typeof passes] as AnyApply,
}))

/** Asked of a technique that promises no number of its own, dB. */
const DEFAULT_SQNR_DB = 20
const CALIBRATION_SAMPLES = 8
const HEADINGS = ['What it does', 'Use it when', 'Do not use it when', 'Options', 'How it works', 'Source', 'Limits']

const bytesOf = (model: Model): Uint8Array => joinParts(encodeParts(model))
/** Compares files without printing them. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const calibrationOf = ({ name, feeds }: SmallModel): CalibrationData => ({
  source: `test:${name}`,
  size: CALIBRATION_SAMPLES,
  sample: (index) => Promise.resolve(feeds(index)),
})

/** Values to try for one option besides its default. */
function otherValues(spec: OptionSpec): readonly unknown[] {
  switch (spec.kind) {
    case 'integer':
    case 'number':
      return [spec.min, spec.max]
    case 'names':
      return [['no such name']]
    case 'overrides':
      return []
    case 'choice':
      return spec.choices.filter((choice) => choice !== spec.default)
    case 'toggle':
      return [!spec.default]
    default:
      return spec satisfies never
  }
}

/** Values that must be refused. */
function wrongValues(spec: OptionSpec): readonly unknown[] {
  switch (spec.kind) {
    case 'integer':
      return [spec.min - 1, spec.max + 1, spec.default + 0.5, NaN, String(spec.default), null]
    case 'number':
      return [spec.min - 1, spec.max + 1, NaN, Infinity, String(spec.default), null]
    case 'names':
      return ['a', [''], [1], {}, null]
    case 'overrides':
      return [[], { a: 1 }, { a: [{ scale: 0 }] }, { a: [{ quantType: 'float8' }] }, { a: [{ colour: 1 }] }, null]
    case 'choice':
      return ['no-such-choice', '', 1, null]
    case 'toggle':
      return ['true', 1, null]
    default:
      return spec satisfies never
  }
}

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

/** Least ratio over the float outputs, dB. */
function leastSqnr(truth: NamedValues, actual: NamedValues): number {
  const names = Object.keys(truth).filter((name) => truth[name]?.dtype === 'float32')
  expect(names.length).toBeGreaterThan(0)
  return Math.min(...names.map((name) => measureError(numbers(truth, name), numbers(actual, name)).sqnrDb))
}
const numbers = (values: NamedValues, name: string): number[] => Array.from(values[name]?.data ?? [], Number)

describe.each(TECHNIQUES)('the declaration of $id', ({ id, spec }) => {
  test('carries its own id and plain data', () => {
    expect(spec.id).toBe(id)
    expect(structuredClone(spec)).toEqual(spec)
    expect(JSON.parse(JSON.stringify(spec))).toEqual(spec)
    expect(Number.isInteger(spec.version) && spec.version > 0).toBe(true)
  })

  test('has defaults that it accepts itself', () => {
    const defaults = defaultOptions(spec.options)
    expect(parseOptions(spec.options, defaults, 'options')).toEqual(defaults)
    expect(Object.keys(defaults)).toEqual(Object.keys(spec.options))
  })

  test('accepts the ends of every range and every choice, and refuses the rest naming the place', () => {
    for (const [name, option] of Object.entries(spec.options)) {
      for (const value of [...otherValues(option), ...(option.sweep ?? [])]) {
        expect(parseOptions(spec.options, { [name]: value }, 'options')).toMatchObject({ [name]: value })
      }
      for (const value of wrongValues(option)) {
        const error = thrownBy(() => parseOptions(spec.options, { [name]: value }, 'steps[0].options'))
        const { code, details } = error as LabError
        expect([code, String(details['path']).startsWith(`steps[0].options.${name}`)]).toEqual([
          'options/invalid',
          true,
        ])
      }
    }
    expect(thrownBy(() => parseOptions(spec.options, { noSuchOption: 1 }, 'options'))).toMatchObject({
      code: 'options/invalid',
      details: { path: 'options.noSuchOption' },
    })
  })

  test('shows an option only for values that another option can take', () => {
    for (const { showWhen = {} } of Object.values(spec.options)) {
      expect(parseOptions(spec.options, showWhen, 'showWhen')).toMatchObject(showWhen)
    }
  })

  test('is explained by a README with all headings and the table of its options', () => {
    const path = join(import.meta.dirname, '../../src/techniques', id, 'README.md')
    const before = readFileSync(path, 'utf8')
    const headings = [...before.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(HEADINGS)
    const after = before.replace(/(?<=^## Options\n)[^]*?(?=^## )/m, () => `\n${optionsTable(spec.options)}\n\n`)
    if (process.env['LATHE_UPDATE']) writeFileSync(path, after)
    else expect(before, 'run again with LATHE_UPDATE=1 to rewrite the table').toBe(after)
  })
})

const PAIRS = TECHNIQUES.flatMap((technique) =>
  SMALL_MODELS.map((small) => ({ ...technique, small, name: small.name })),
)

describe.each(PAIRS)('$id on $name', ({ spec, apply, small }) => {
  const { model, feeds } = small
  const calibrated = { calibration: calibrationOf(small) }
  const original = bytesOf(model)
  const run = (overrides: Partial<PassContext> = {}, input = model) =>
    apply(input, defaultOptions(spec.options), testContext({ ...calibrated, ...overrides }))
  let firstRun: Promise<PassResult> | undefined
  const once = () => (firstRun ??= run())

  test('leaves its input alone, keeps the rules of ONNX and gives the same bytes again', async () => {
    const { model: result } = await once()
    verifyGraph(result)
    if (spec.keeps.interface) verifyInterface(model, result)
    expect(isSame(bytesOf(model), original)).toBe(true)
    expect(isSame(bytesOf((await run()).model), bytesOf(result))).toBe(true)
  })

  test('changes nothing when run again, if it promises that', async () => {
    const { model: result, calibration } = await once()
    const { model: again } = await run(calibration && { ranges: calibration.ranges }, result)
    verifyGraph(again)
    if (spec.keeps.idempotent) expect(isSame(bytesOf(again), bytesOf(result))).toBe(true)
  })

  test('gives a model that runs and answers like the original', async () => {
    const { model: result } = await once()
    for (const index of [0, 1]) {
      const truth = await runModel(model, feeds(index), 'disabled')
      const plain = await runModel(result, feeds(index), 'disabled')
      expect(leastSqnr(truth, plain)).toBeGreaterThanOrEqual(spec.keeps.sqnrDb ?? DEFAULT_SQNR_DB)
      const optimized = await runModel(result, feeds(index), 'all')
      expect(leastSqnr(plain, optimized)).toBeGreaterThanOrEqual(DEFAULT_SQNR_DB)
    }
  })

  test('stops at the first checkpoint after a cancel; a pass that reaches none has changed nothing', async () => {
    const cancelled = new LabError('job/cancelled', 'Cancelled by the test.')
    let checkpoints = 0
    const checkpoint = (): Promise<void> => (checkpoints++, Promise.reject(cancelled))
    const outcome = await run({ checkpoint }).catch((error: unknown) => error)
    if (checkpoints === 0) expect(isSame(bytesOf((outcome as PassResult).model), original)).toBe(true)
    else expect([outcome, checkpoints]).toEqual([cancelled, 1])
  })

  test('reports progress that rises to 1', async () => {
    const fractions: number[] = []
    await run({ progress: (fraction) => void fractions.push(fraction) })
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(fractions[0]).toBeGreaterThanOrEqual(0)
    expect(fractions.at(-1)).toBe(1)
  })
})

describe.each(TECHNIQUES)('$id with other options', ({ spec, apply }) => {
  const trials = Object.entries(spec.options).flatMap(([name, option]) =>
    otherValues(option).flatMap((value) =>
      SMALL_MODELS.slice(0, 3).map((small) => ({ name, value, small, on: small.name })),
    ),
  )
  test.runIf(trials.length > 0).each(trials)(
    '$name = $value gives a sound model on $on',
    async ({ name, value, small }) => {
      const options = parseOptions(spec.options, { [name]: value }, 'options')
      const { model: result } = await apply(small.model, options, testContext({ calibration: calibrationOf(small) }))
      verifyGraph(result)
      // Without `keepIo` inputs are float16; models that answer another interface are run by the technique's own tests.
      const sameInputs = thrownBy(() => verifyInterface(small.model, result)) === undefined
      if (spec.keeps.interface) expect(sameInputs).toBe(true)
      if (!sameInputs) return
      const outputs = await runModel(result, small.feeds(0), 'disabled')
      for (const output of Object.keys(outputs)) expect(numbers(outputs, output).every(Number.isFinite)).toBe(true)
    },
  )
})
