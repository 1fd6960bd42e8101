// `lathe best` as far as it takes no race: what it refuses before anything is started. The race is in tests/full.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { probeTable } from '../fixtures/probe-tables'
import { buildLathe, lathe } from './run-lathe'

const MODEL = 'tests/fixtures/models/tiny-mobilenet.onnx'
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lathe-best-test-'))
  await buildLathe()
}, 60_000)
afterAll(() => rm(folder, { recursive: true }))

it('refuses a probe table that is none, or of another engine, and a goal that it does not know', async () => {
  const table = join(folder, 'probe.json')
  const refusal = async (...words: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await lathe('best', MODEL, ...words)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    return stderr
  }
  await writeFile(table, '{"tables": 3}')
  expect(await refusal('--probe', table)).toMatch(/The probe table is not valid: tables is 3/)
  await writeFile(table, JSON.stringify({ tables: [probeTable({})] }))
  expect(await refusal('--probe', table, '--engine', 'ort-wasm:2')).toMatch(
    /has tables of ort-wasm:1; expected one of ort-wasm:2/,
  )
  expect(await refusal('--probe', join(folder, 'absent.json'))).toMatch(/absent\.json/)
  expect(await refusal('--goal', 'cheap')).toMatch(/"cheap".*speed/)
})
