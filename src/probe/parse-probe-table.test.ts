import { describe, expect, it } from 'vitest'

import { probeTable } from '../../tests/fixtures/probe-tables'
import { parseProbeTables } from './parse-probe-table'

const read = (raw: unknown) => () => parseProbeTables(JSON.stringify(raw))
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'data/invalid', message: expect.stringMatching(message) })

describe('a saved probe table', () => {
  it('comes back as it was written', () => {
    const tables = [probeTable({ conv1x1: { u8s8: 0.5, float16: { kind: 'wrong', detail: 'off' } } })]
    expect(read({ tables })()).toEqual(tables)
  })

  it('names what is wrong', () => {
    const [row] = probeTable({}).rows
    const table = (rest: object) => ({ tables: [{ ...probeTable({}), ...rest }] })
    expect(() => parseProbeTables('{')).toThrow(invalid(/not JSON/))
    expect(read({})).toThrow(invalid(/tables/))
    expect(read(table({ version: 2 }))).toThrow(invalid(/tables\.0\.version is 2, expected 1/))
    expect(read(table({ rows: [{ ...row, operator: 'conv9x9' }] }))).toThrow(invalid(/rows\.0\.operator/))
    expect(read(table({ rows: [{ ...row, outcome: { kind: 'timed', medianMs: -1, n: 1 } }] }))).toThrow(
      invalid(/rows\.0\.outcome\.medianMs/),
    )
  })
})
