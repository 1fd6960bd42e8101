// Whether the sessions of a race can be open together, from the sizes of their files and what the browser tells of the device's memory.

import type { EnvironmentRecord } from '../../src/engines/environment-record'
import type { ModelFile, RaceVariant, SessionPlan, SessionsOpen } from './protocol'

/**
 * Memory of a session per byte of its files, with the copies that are made while it opens. Heap of onnxruntime-web 1.30 (plain WASM) with
 * two sessions of a file open, per byte of both: 1.3 (float32 MatMul), 1.6 (float32 Conv), 2.3 (efficientnet-lite0), 3.6 (int8 weights,
 * which are expanded while opening); the file in JavaScript comes on top of it for a moment, 0.5. From the third session on it is less.
 */
const BYTES_PER_FILE_BYTE = 3
/** Code and first heap of the runtime. */
const RUNTIME_BYTES = 100e6
/** A tab of a phone has about 1 GB. */
const LARGEST_CAP_BYTES = 1e9
/** Of what the device has, one page among other programs. */
const SHARE_OF_DEVICE = 1 / 4

type Host = Pick<EnvironmentRecord, 'where' | 'deviceMemoryGB'>

/** `wanted`: what the caller insists on; by memory without it. */
export function planSessions(
  variants: readonly Pick<RaceVariant, 'model' | 'sharesSessionWith'>[],
  host: Host,
  wanted?: SessionsOpen,
): SessionPlan {
  const own = variants.filter(({ sharesSessionWith }) => sharesSessionWith === undefined)
  const fileBytes = own.reduce((sum, { model }) => sum + sizeOf(model), 0)
  const neededBytes = RUNTIME_BYTES + BYTES_PER_FILE_BYTE * fileBytes
  const capBytes = capOf(host)
  const fits = capBytes === null || neededBytes <= capBytes
  return { open: wanted ?? (fits ? 'together' : 'in-turn'), neededBytes, capBytes }
}

const sizeOf = ({ file, externalData }: ModelFile): number =>
  externalData.reduce((sum, { file: { size } }) => sum + size, file.size)

function capOf({ where, deviceMemoryGB }: Host): number | null {
  if (where === 'node') return null
  return Math.min(LARGEST_CAP_BYTES, deviceMemoryGB === null ? Infinity : deviceMemoryGB * 1e9 * SHARE_OF_DEVICE)
}
