// Every kind of file that Lathe writes, on plain WASM in Node. The engines of a browser: engine-formats.full.browser.test.ts.

import { expect, test } from 'vitest'

import { EMITTED_FORMATS } from '../fixtures/emitted-formats'
import { expectKnown } from '../fixtures/known-format-results'
import { listenToProcess } from '../fixtures/listen-to-process'
import { tryFormat, type FormatResult } from '../fixtures/try-format'
import { formatRun, statuses } from './engine-formats'
import { keepEngineFormats } from './keep-engine-formats'

const console = listenToProcess()
const { createNodeEngine } = await import('../../workers/host/ort-runtime-node')
const ort = await import('onnxruntime-web')

test('WASM in Node answers as the reference for every format, or it is known beforehand that it cannot', async () => {
  const engine = await createNodeEngine({ threads: 1 })
  const results: FormatResult[] = []
  for (const format of EMITTED_FORMATS)
    results.push(await tryFormat(format, { engine, reference: engine, ort, console }))
  expectKnown(results, engine.facts)
  const run = { ...formatRun(engine.facts, results), where: `Node ${process.versions.node}` }
  expect(statuses(keepEngineFormats('wasm-node', run))).toEqual(statuses(run))
  await engine.close()
})
