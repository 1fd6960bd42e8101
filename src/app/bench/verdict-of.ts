// From a run record to the words on screen: the verdict, and the conditions under which it holds.

import type { EngineStart } from '../../../workers/host/protocol'
import { verdictText, type VerdictText } from '../../measure/verdict-text'
import type { RunRecord } from './run-record'

const ENGINE_NAMES = { 'ort-wasm': 'WASM', 'ort-webgpu': 'WebGPU' } as const

/** Undefined while the variant is not measured far enough to say anything. */
export function verdictOf(record: RunRecord): VerdictText | undefined {
  const { compression, engineChecks, faultSite, engine, latency, accuracy, original } = record
  if (!compression || !engineChecks || !engine) return undefined
  const failed = engineChecks.find(({ ok }) => !ok)
  const pair = latency?.comparison.pairs[0]
  return verdictText({
    sizeRatio: compression.summary.sizeBytes / original.summary.sizeBytes,
    margin: latency?.comparison.margin ?? 0,
    isSoftwareGpu: engine.facts.adapter?.isSoftware ?? false,
    isSynthetic: latency?.isSynthetic ?? false,
    ...(pair && { speed: pair }),
    ...(accuracy?.kind === 'labelled' && { accuracy: accuracy.comparison }),
    ...(accuracy?.kind === 'agreement' && { agreement: accuracy.comparison }),
    ...(failed && { wrong: { engine: ENGINE_NAMES[engine.facts.id], check: failed, site: faultSite } }),
  })
}

/** `in this browser (Chromium 156, WASM, 1 thread)`: how far the speed may be carried. */
export function conditionsOf({ facts, environment }: EngineStart): string {
  const threads = `${facts.threads} ${facts.threads === 1 ? 'thread' : 'threads'}`
  const where = facts.id === 'ort-wasm' ? threads : (facts.adapter?.vendor ?? 'GPU')
  return `in this browser (${environment.browser}, ${ENGINE_NAMES[facts.id]}, ${where})`
}
