// Loads ONNX Runtime's plain WASM build in Node, for the command line and for tests. Other builds need a browser.

import type { Engine } from '../../src/engines/engine'
import { createOrtEngine } from './ort-door'

/**
 * `ort-wasm` in this process. In Node the package's main entry is the plain build; its `/wasm` entry is the same build, but fetches the
 * script of its threads, which Node does not do from a file. Throws as `createOrtEngine`.
 */
export async function createNodeEngine(options: { readonly threads: number }): Promise<Engine> {
  const startedAt = performance.now()
  const ort = await import('onnxruntime-web')
  return createOrtEngine('ort-wasm', options, { ort, build: 'wasm', startedAt })
}
