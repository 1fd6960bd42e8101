// Loads ONNX Runtime's plain WASM build in Node, for the command line and for tests. Other builds need a browser.

import type { Engine } from '../../src/engines/engine'
import { createOrtEngine } from './ort-door'

/** `ort-wasm` in this process. Throws as `createOrtEngine`. */
export async function createNodeEngine(options: { readonly threads: number }): Promise<Engine> {
  const ort = await import('onnxruntime-web/wasm')
  return createOrtEngine('ort-wasm', options, { ort, build: 'wasm' })
}
