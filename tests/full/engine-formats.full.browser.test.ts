// Every kind of file that Lathe writes, on the engines of a browser. WebGPU may be emulated in software here: answers are compared, nothing
// is timed.

import { expect, test } from 'vitest'
import { commands } from 'vitest/browser'

import { sentinelModel } from '../../src/engines/sentinel-model'
import { EMITTED_FORMATS } from '../fixtures/emitted-formats'
import { expectKnown } from '../fixtures/known-format-results'
import { listenToConsole } from '../fixtures/traced-run'
import { tryFormat, type FormatBench, type FormatResult } from '../fixtures/try-format'
import { formatRun, statuses, type FormatEngine } from './engine-formats'

const adapter = await navigator.gpu?.requestAdapter()
const console = listenToConsole()
const { createBrowserEngine } = await import('../../workers/host/ort-runtime-browser')
const plain = await import('onnxruntime-web/wasm')
const native = await ('Suspending' in WebAssembly ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu'))

async function tryAll(name: FormatEngine, bench: FormatBench): Promise<void> {
  const results: FormatResult[] = []
  for (const format of EMITTED_FORMATS) results.push(await tryFormat(format, bench))
  expectKnown(results, bench.engine.facts)
  const run = formatRun(bench.engine.facts, results)
  const kept = await commands.keepFormatRun(name, run)
  // Another GPU runs other files by other means.
  if (kept?.engine.adapter?.architecture === run.engine.adapter?.architecture)
    expect(statuses(kept)).toEqual(statuses(run))
}

test('WASM answers as the reference for every format, or it is known beforehand that it cannot', async () => {
  const engine = await createBrowserEngine('ort-wasm', { threads: 1 })
  await tryAll('wasm-browser', { engine, reference: engine, ort: plain, console })
  await engine.close()
})

test.skipIf(!adapter)('WebGPU answers as the reference for every format, or it is known beforehand', async () => {
  const reference = await createBrowserEngine('ort-wasm', { threads: 1 })
  const engine = await createBrowserEngine('ort-webgpu', { threads: 1 })
  // With its last session the runtime lets go of the device, and of every shader that it has compiled.
  await engine.open(sentinelModel(), { optimization: 'all' })
  await tryAll('webgpu-browser', { engine, reference, ort: native, console })
  await Promise.all([engine.close(), reference.close()])
})
