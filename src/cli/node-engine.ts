// ONNX Runtime in this process, started when it is first needed.

import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { inferencePort } from '../../workers/host/ort-door'
import type { InferencePort } from '../core/pass/pass-context'

/** Inference for passes: plain WASM, one thread. */
export function lazyInference(): InferencePort {
  let port: Promise<InferencePort> | undefined
  return {
    open: async (parts) => {
      port ??= createNodeEngine({ threads: 1 }).then(inferencePort)
      return (await port).open(parts)
    },
  }
}
