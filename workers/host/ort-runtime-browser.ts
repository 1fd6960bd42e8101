// Loads ONNX Runtime in a worker: the plain WASM build for `ort-wasm`, a native WebGPU build for `ort-webgpu`, never the older JSEP
// bundle, which gives wrong numbers. A worker holds one build for its life. Everything is decided by probing.

import type { Engine, EngineFacts, EngineId } from '../../src/engines/engine'
import { LabError } from '../../src/core/errors/lab-error'
import { createOrtEngine, type OrtRuntime } from './ort-door'

/** Without cross-origin isolation one thread is used, whatever was asked for. Throws `engine/unavailable`, `engine/failed`. */
export async function createBrowserEngine(id: EngineId, options: { readonly threads: number }): Promise<Engine> {
  const threads = crossOriginIsolated ? options.threads : 1
  switch (id) {
    case 'ort-wasm':
      return createOrtEngine(id, { threads }, await loadPlain())
    case 'ort-webgpu': {
      const runtime = await loadWebGpu()
      return createOrtEngine(id, { threads }, { ...runtime, isDeviceLost: () => isDeviceLost(runtime) })
    }
    default:
      return id satisfies never
  }
}

async function loadPlain(): Promise<OrtRuntime> {
  const [ort, mjs, wasm] = await Promise.all([
    import('onnxruntime-web/wasm'),
    import('onnxruntime-web/ort-wasm-simd-threaded.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.wasm?url'),
  ])
  ort.env.wasm.wasmPaths = { mjs: mjs.default, wasm: wasm.default }
  return { ort, build: 'wasm' }
}

async function loadWebGpu(): Promise<OrtRuntime> {
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

/**
 * The runtime makes a new device for the first session after the last one was closed, so only the device of this moment tells. It exists
 * once a session was opened, is typed as a promise, and is none in the native builds.
 */
async function isDeviceLost({ ort }: OrtRuntime): Promise<boolean> {
  const device: GPUDevice | undefined = await ort.env.webgpu.device
  if (!device) return false
  const nextTask = new Promise<false>((resolve) => setTimeout(() => resolve(false), 0))
  return Promise.race([device.lost.then(() => true), nextTask])
}

/** Names under which software renderers are known, where `isFallbackAdapter` is missing or false. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i

async function probeAdapter(): Promise<NonNullable<EngineFacts['adapter']>> {
  const adapter = await navigator.gpu?.requestAdapter()
  if (!adapter) {
    const why = navigator.gpu ? 'it gives no adapter' : 'navigator.gpu is missing'
    throw new LabError('engine/unavailable', `This browser has no WebGPU here: ${why}.`, { engine: 'ort-webgpu' })
  }
  const { vendor, architecture, description, device, isFallbackAdapter } = adapter.info
  const names = [vendor, architecture, device, description].join(' ')
  return {
    vendor,
    architecture,
    isSoftware: isFallbackAdapter || SOFTWARE.test(names),
    hasFloat16: adapter.features.has('shader-f16'),
  }
}
