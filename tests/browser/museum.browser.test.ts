// A museum piece: the default bundle of ONNX Runtime Web, whose older WebGPU backend (JSEP) gives wrong numbers for quantized models and
// says nothing. Lathe never ships it; here it shows that self-tests, engine check and bisection see what is wrong with it.

import { describe, expect, test } from 'vitest'

import { modelFile } from '../../src/app/jobs/model-file'
import type { Model } from '../../src/core/model/model'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { createOrtEngine } from '../../workers/host/ort-door'
import { EngineHost } from '../../workers/host/engine-host'
import { runBisection } from '../../workers/host/bisect-job'
import { runEngineCheck } from '../../workers/host/check-jobs'
import type { JobContext } from '../../workers/host/job'
import type { OrtRuntime } from '../../workers/host/ort-runtime'
import { buildModel, node, tensor } from '../fixtures/build-model'

const adapter = await navigator.gpu?.requestAdapter()
const why = adapter ? '' : ' (skipped: this browser gives no WebGPU adapter)'

async function loadMuseum(): Promise<OrtRuntime> {
  const [ort, mjs, wasm] = await Promise.all([
    import('onnxruntime-web'),
    import('onnxruntime-web/ort-wasm-simd-threaded.jsep.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.jsep.wasm?url'),
  ])
  ort.env.wasm.wasmPaths = { mjs: mjs.default, wasm: wasm.default }
  // Our records have no name for this build, because nobody should meet it.
  return { ort, build: 'asyncify', startedAt: performance.now() }
}

const wave = (count: number, step: number): number[] => Array.from({ length: count }, (_, i) => Math.sin(step * i))

/** A dense layer whose activation is quantized to uint8, as calibrated int8 files have it. */
const quantized: Model = buildModel({
  inputs: { x: ['float32', ['batch', 16]] },
  outputs: { y: ['float32', ['batch', 4]] },
  initializers: {
    scale: tensor('float32', [], [0.02]),
    zero: tensor('uint8', [], [128]),
    w: tensor('float32', [16, 4], wave(64, 0.7)),
  },
  nodes: [
    node('Relu', ['x'], ['positive']),
    node('QuantizeLinear', ['positive', 'scale', 'zero'], ['q']),
    node('DequantizeLinear', ['q', 'scale', 'zero'], ['dq']),
    node('MatMul', ['dq', 'w'], ['y']),
  ],
})

const context: JobContext = {
  signal: new AbortController().signal,
  checkpoint: () => Promise.resolve(),
  progress: () => undefined,
  wasDisturbed: () => false,
}

describe.skipIf(!adapter)(`the default bundle${why}`, () => {
  test(
    'is seen through: self-tests fail, the answers are called wrong, the operator is found',
    { timeout: 60_000 },
    async () => {
      const engine = await createOrtEngine('ort-webgpu', { threads: 1 }, await loadMuseum())
      const failed = engine.facts.selfTests.filter(({ ok }) => !ok).map(({ name }) => name)
      expect(failed).toEqual(expect.arrayContaining(['DequantizeLinear int8', 'DequantizeLinear uint8']))

      const host = new EngineHost(() => Promise.resolve(engine))
      const request = {
        ...({ engine: 'ort-webgpu', threads: 1, page: { baseUrl: '' } } as const),
        model: modelFile(new Blob(encodeParts(quantized) as Uint8Array<ArrayBuffer>[])),
        inputs: { kind: 'synthetic', seed: 1, count: 4 } as const,
      }
      const check = await runEngineCheck(host, request, context)
      expect(check).toMatchObject({ ok: false, failing: 'y', outputs: [{ reason: 'different' }] })
      expect(check.outputs[0]?.worst?.position).toHaveLength(2)
      // No small matter: the noise is as loud as the answer.
      expect(check.outputs[0]?.sqnrDb).toBeLessThan(3)

      const site = await runBisection(host, { ...request, check }, context)
      expect(site).toMatchObject({ kind: 'node', node: { name: 'dq', opType: 'DequantizeLinear' }, tensor: 'dq' })
      await engine.close()
    },
  )
})
