import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { BLOCKED, FLOAT_ONLY } from './float-only.table'

interface Version {
  readonly from: number
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}
/** Made by `tools/conformance/float16-types.py` from ONNX's own schemas. */
const { operators } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/conformance/float16-types.json'), 'utf8'),
) as { operators: Readonly<Record<string, readonly Version[]>> }
const names = Object.keys(operators).filter((name) => !BLOCKED.has(name))
const LATEST_OPSET = 28

test.each(names)('%s has float32 where ONNX knows no float16, at every opset', (name) => {
  for (let opset = 7; opset <= LATEST_OPSET; opset++) {
    const schema = operators[name]?.findLast(({ from }) => from <= opset)
    const entry = FLOAT_ONLY[name]?.find(({ from, to }) => from <= opset && opset <= to)
    const found = { inputs: entry?.inputs ?? [], outputs: entry?.outputs ?? [] }
    expect({ opset, ...found }).toEqual({ opset, inputs: schema?.inputs ?? [], outputs: schema?.outputs ?? [] })
  }
})

test('the table names no operator that ONNX does not', () => {
  expect(Object.keys(FLOAT_ONLY).sort()).toEqual([...names].sort())
})
