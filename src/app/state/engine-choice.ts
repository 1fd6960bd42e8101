// Where a race may run on this device: the engines that probing found, with WASM at one and at several threads.

import type { EngineId } from '../../engines/engine'

export interface EngineChoice {
  readonly key: string
  readonly engine: EngineId
  readonly threads: number
  readonly label: string
}

const wasm = (threads: number): EngineChoice => ({
  key: `ort-wasm:${threads}`,
  engine: 'ort-wasm',
  threads,
  label: `WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
})

/** Runs everywhere; fidelity and accuracy are measured on it. */
export const PLAIN_WASM = wasm(1)

/** More threads than this only share caches with the page on most phones; ONNX Runtime's own default stops there too. */
const MAX_THREADS = 4

/** At least WASM with one thread. Threads need cross-origin isolation, WebGPU an adapter (the engine worker probes further). */
export async function findEngineChoices(): Promise<readonly EngineChoice[]> {
  const choices: EngineChoice[] = [PLAIN_WASM]
  const threads = Math.min(MAX_THREADS, navigator.hardwareConcurrency)
  if (crossOriginIsolated && threads > 1) choices.push(wasm(threads))
  if (await hasAdapter()) choices.push({ key: 'ort-webgpu', engine: 'ort-webgpu', threads: 1, label: 'WebGPU' })
  return choices
}

async function hasAdapter(): Promise<boolean> {
  if (!('gpu' in navigator)) return false
  try {
    return (await navigator.gpu.requestAdapter()) !== null
  } catch (error) {
    // Some browsers throw where others answer null: both mean that there is no GPU for this page.
    if (error instanceof DOMException || error instanceof TypeError) return false
    throw error
  }
}
