// Loads ONNX Runtime in a worker: the plain WASM build for `ort-wasm`, a native WebGPU build for `ort-webgpu`, never the older JSEP
// bundle, which gives wrong numbers. A worker holds one build for its life. Everything is decided by probing.

import type { AdapterFacts, Engine, EngineId } from '../../src/engines/engine'
import { LabError } from '../../src/core/errors/lab-error'
import { adapterFacts } from './adapter-facts'
import { createOrtEngine } from './ort-door'
import type { OrtRuntime } from './ort-runtime'

/** Without cross-origin isolation one thread is used, whatever was asked for. Throws `engine/unavailable`, `engine/failed`. */
export async function createBrowserEngine(id: EngineId, options: { readonly threads: number }): Promise<Engine> {
  const startedAt = performance.now()
  const threads = crossOriginIsolated ? options.threads : 1
  switch (id) {
    case 'ort-wasm':
      return createOrtEngine(id, { threads }, { ...(await loadPlain()), startedAt })
    case 'ort-webgpu': {
      const runtime = await loadWebGpu()
      // Typed as a promise, and none in the native builds.
      const gpuDevice = async (): Promise<GPUDevice | undefined> => runtime.ort.env.webgpu.device
      return createOrtEngine(id, { threads }, { ...runtime, startedAt, gpuDevice, awaitGpu })
    }
    default:
      return id satisfies never
  }
}

type Loaded = Omit<OrtRuntime, 'startedAt'>

async function loadPlain(): Promise<Loaded> {
  const [ort, mjs, wasm] = await Promise.all([
    import('onnxruntime-web/wasm'),
    import('onnxruntime-web/ort-wasm-simd-threaded.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.wasm?url'),
  ])
  ort.env.wasm.wasmPaths = { mjs: mjs.default, wasm: wasm.default }
  return { ort, build: 'wasm' }
}

async function loadWebGpu(): Promise<Loaded> {
  const adapter = await probeAdapter()
  if ('Suspending' in WebAssembly) {
    const [ort, mjs, wasm] = await Promise.all([
      import('onnxruntime-web/jspi'),
      import('onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'),
      import('onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url'),
    ])
    ort.env.wasm.wasmPaths = { mjs: mjs.default, wasm: wasm.default }
    return { ort, build: 'jspi', adapter }
  }
  const [ort, mjs, wasm] = await Promise.all([
    import('onnxruntime-web/webgpu'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'),
  ])
  ort.env.wasm.wasmPaths = { mjs: mjs.default, wasm: wasm.default }
  return { ort, build: 'asyncify', adapter }
}

/** A GPU process that ended is started again within a second or two. */
const GPU_PATIENCE_MS = 5000
const GPU_RETRY_MS = 100

async function awaitGpu(): Promise<boolean> {
  const start = performance.now()
  while (performance.now() - start < GPU_PATIENCE_MS) {
    try {
      const adapter = await navigator.gpu.requestAdapter()
      const device = await adapter?.requestDevice()
      device?.destroy()
      if (device) return true
    } catch {
      // As without an adapter: there may be one later.
    }
    await new Promise((resolve) => setTimeout(resolve, GPU_RETRY_MS))
  }
  return false
}

async function probeAdapter(): Promise<AdapterFacts> {
  const adapter = await navigator.gpu?.requestAdapter()
  if (!adapter) {
    const why = navigator.gpu ? 'it gives no adapter' : 'navigator.gpu is missing'
    throw new LabError('engine/unavailable', `This browser has no WebGPU here: ${why}.`, { engine: 'ort-webgpu' })
  }
  return adapterFacts(adapter)
}
