// A dozen of the files that Lathe writes, on native WebGPU: answers, who computed them, and what is refused beforehand. All of them:
// tests/full/engine-formats.full.browser.test.ts. The conformance case of the fallback report (quantization.md C42) is here too.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { joinParts } from '../../src/core/numeric/join-parts'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import type { Engine } from '../../src/engines/engine'
import { sentinelModel } from '../../src/engines/sentinel-model'
import { runEngineCheck } from '../../workers/host/check-jobs'
import { EngineHost } from '../../workers/host/engine-host'
import { inferencePort } from '../../workers/host/ort-door'
import { modelFile } from '../../src/app/jobs/model-file'
import { EMITTED_FORMATS, emitFormat } from '../fixtures/emitted-formats'
import { EMITTED_MODELS } from '../fixtures/emitted-models'
import { expectKnown } from '../fixtures/known-format-results'
import { listenToConsole, traceRun } from '../fixtures/traced-run'
import { tryFormat, type FormatBench } from '../fixtures/try-format'

const adapter = await navigator.gpu?.requestAdapter()
const why = adapter ? '' : ' (skipped: this browser gives no WebGPU adapter)'
const console = listenToConsole()
const { createBrowserEngine } = await import('../../workers/host/ort-runtime-browser')

const find = (name: string) => {
  const found = EMITTED_FORMATS.find((format) => format.name === name)
  if (!found) throw new Error(`There is no format "${name}".`)
  return found
}

/** Small products and lookups: few shaders to compile. */
const STATUSES = {
  'matvec · float32': 'native',
  'matvec · static u8·s8': 'on CPU',
  'matvec · static s8·s8': 'on CPU',
  'matvec · dynamic u8·s8': 'on CPU',
  'matvec · int8 weights per channel': 'converted',
  'matvec · weights stored in float16': 'converted',
  'matvec · MatMulNBits 2 bits, blocks of 32, zero points': 'native',
  'matvec · MatMulNBits 4 bits, blocks of 128, no zero points': 'native',
  'matvec · MatMulNBits 8 bits, blocks of 32, zero points': 'native',
  'embedding · GatherBlockQuantized, blocks of 32, zero points': 'native',
  'lstm · dynamic u8·s8': 'on CPU',
  'matmul · static as the toolkit, one activation in int4, opset 21': 'refused',
} as const

describe.skipIf(!adapter)(`files of every kind on WebGPU${why}`, () => {
  let bench: FormatBench
  let reference: Engine
  beforeAll(async () => {
    reference = await createBrowserEngine('ort-wasm', { threads: 1 })
    const engine = await createBrowserEngine('ort-webgpu', { threads: 1 })
    const ort = await ('Suspending' in WebAssembly ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu'))
    bench = { engine, reference, ort, console }
    // With its last session the runtime lets go of the device, and of every shader that it has compiled.
    await engine.open(sentinelModel(), { optimization: 'all' })
  })
  afterAll(async () => {
    await Promise.all([bench.engine.close(), reference.close()])
  })

  test('answer as the reference, computed where the table says, or are refused beforehand', async () => {
    const results = []
    for (const name of Object.keys(STATUSES)) results.push(await tryFormat(find(name), bench))
    expect(Object.fromEntries(results.map(({ format, status }) => [format, status]))).toEqual(STATUSES)
    expectKnown(results, bench.engine.facts)
  })

  test('are refused by the engine check before they are opened, with the node', async () => {
    const model = await emitFormat(
      find('matmul · static as the toolkit, one activation in int4, opset 21'),
      inferencePort(reference),
    )
    const file = modelFile(new Blob(encodeParts(model) as Uint8Array<ArrayBuffer>[]))
    const opened: unknown[] = []
    const watched: Engine = {
      ...bench.engine,
      open: (bytes, options) => (opened.push(options), bench.engine.open(bytes, options)),
    }
    const request = {
      ...({ engine: 'ort-webgpu', threads: 1, page: { baseUrl: '' }, model: file } as const),
      inputs: { kind: 'synthetic', seed: 1, count: 1 } as const,
    }
    const context = {
      signal: new AbortController().signal,
      checkpoint: () => Promise.resolve(),
      progress: () => undefined,
      wasDisturbed: () => false,
    }
    await expect(
      runEngineCheck(new EngineHost(() => Promise.resolve(watched)), request, context),
    ).rejects.toMatchObject({
      code: 'model/unsupported',
      message: expect.stringMatching(/ort-webgpu cannot run this file: .*activations of 4 bits/),
      details: { node: expect.stringMatching(/r0/) },
    })
    expect(opened).toEqual([])
  })

  test('C42: integers on a GPU leave QuantizeLinear to the CPU, with copies; a graph cannot be captured then', async () => {
    const model = await emitFormat(find('matvec · static u8·s8'), inferencePort(reference))
    const bytes = joinParts(encodeParts(model))
    const trace = await traceRun({ id: 'ort-webgpu', ort: bench.ort, console }, bytes, EMITTED_MODELS.matvec.feeds(0))
    expect(new Set(trace.placed.cpu)).toEqual(new Set(['QuantizeLinear']))
    expect(trace.placed.webgpu).toEqual(
      expect.arrayContaining(['DequantizeLinear', 'MatMul', 'MemcpyToHost', 'MemcpyFromHost']),
    )
    expect(trace.kernels.filter(({ place }) => place === 'cpu').map(({ opType }) => opType)).toEqual(trace.placed.cpu)
    // The option reaches the engine only where it is named by an object.
    const capture = { executionProviders: [{ name: 'webgpu' }], enableGraphCapture: true }
    await expect(bench.ort.InferenceSession.create(bytes, capture)).rejects.toThrow(/graph/i)
  })
})
