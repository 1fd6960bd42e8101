// Session options that belong to a file travel inside it, as one entry of its metadata: whoever opens the file with Lathe gets them, other
// tools ignore the entry. Only known keys are taken from a file, because model files are hostile.

import { LabError } from '../errors/lab-error'
import type { Model } from '../model/model'
import { canonicalJson } from '../recipe/recipe-key'
import type { SessionOptions } from '../pass/technique'
import { decodeEntry } from './decode-tensor'
import { MODEL } from './schema'
import { WireReader } from './wire-reader'

const METADATA_KEY = 'lathe.session_options'

/**
 * Keys of ONNX Runtime 1.30 that only change how a graph is prepared, each `0` or `1`:
 * `disable_quant_qdq`: constants behind DequantizeLinear become float when the file is opened, instead of operators with integer weights.
 * `qdqisint8allowed`: int8 activations stay int8.
 */
const SWITCHES: ReadonlySet<string> = new Set(['session.disable_quant_qdq', 'session.qdqisint8allowed'])

/** The model with the options added to those it has; a switch set to `0`, the default, is left out. */
export function withSessionOptions(model: Model, options: SessionOptions): Model {
  const merged = { ...sessionOptionsOf(model.metadata.get(METADATA_KEY)), ...options }
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== '0'))
  const text = canonicalJson(kept)
  if (text === (model.metadata.get(METADATA_KEY) ?? '{}')) return model
  const metadata = new Map(model.metadata)
  if (Object.keys(kept).length > 0) metadata.set(METADATA_KEY, text)
  else metadata.delete(METADATA_KEY)
  return { ...model, metadata }
}

/** The options in the bytes of an ONNX file; its graph is skipped, not read. What is no ONNX file has none: the engine will say so. */
export function readSessionOptions(bytes: Uint8Array): SessionOptions {
  const reader = new WireReader(bytes, 'ModelProto')
  let options: SessionOptions = {}
  try {
    while (reader.next()) {
      if (reader.field !== MODEL.metadataProps) continue
      const [key, value] = decodeEntry(reader.nested('StringStringEntryProto'))
      if (key === METADATA_KEY) options = sessionOptionsOf(value)
    }
  } catch (error) {
    if (error instanceof LabError && error.code === 'model/parse') return {}
    throw error
  }
  return options
}

/** What is not understood counts as absent: the file then opens as any other. */
function sessionOptionsOf(text: string | undefined): SessionOptions {
  if (text === undefined) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return {}
  }
  const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []
  return Object.fromEntries(entries.filter(([key, value]) => SWITCHES.has(key) && (value === '0' || value === '1')))
}
