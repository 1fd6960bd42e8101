// Inference for passes in this process: ONNX Runtime's plain WASM build with one thread.

import { inferencePort } from '../../workers/host/ort-door'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import type { InferencePort } from '../core/pass/pass-context'

export const startInference = async (): Promise<InferencePort> => inferencePort(await createNodeEngine({ threads: 1 }))
