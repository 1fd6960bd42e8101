// Names what ONNX Runtime throws. Its messages are text from C++, so the name comes from patterns seen in version 1.30;
// whatever matches none stays `engine/failed` with the runtime's own words.

import { LabError } from '../../src/core/errors/lab-error'
import type { ErrorCode } from '../../src/core/errors/codes'

const PATTERNS: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /device (is |was )?lost|lost device|external instance reference no longer exists|device was destroyed/i,
    'device/lost',
  ],
  [
    /out of memory|bad_alloc|cannot enlarge memory|fail(ed)? to allocate|allocation failed|invalid (typed )?array.*length|SafeIntOnOverflow/i,
    'device/out-of-memory',
  ],
  [
    /NOT_IMPLEMENTED|Could not find an implementation|node_provider_type\.empty|not a registered function\/op|unsupported data type|unsupported model IR|ERROR_CODE: 9|opset \d+ is under development|max supported (opset|IR)|requires f16 but the device does not support it/i,
    'model/unsupported',
  ],
]
/** After these the WebAssembly module is in no known state: only a fresh worker helps. */
const FATAL =
  /Aborted\(|unreachable|memory access out of bounds|table index is out of bounds|null function|no available backend|initWasm/i

/** `doing`: what was asked for, such as `opening the model`. `details.fatal` marks an engine that cannot go on. */
export function asEngineError(error: unknown, engine: string, doing: string, isDeviceLost = false): LabError {
  if (error instanceof LabError) return error
  const text = error instanceof Error ? error.message : String(error)
  const isStack = text.includes('call stack')
  const found = isDeviceLost ? 'device/lost' : PATTERNS.find(([pattern]) => pattern.test(text))?.[1]
  const code = found ?? (error instanceof RangeError && !isStack ? 'device/out-of-memory' : 'engine/failed')
  const fatal = code === 'device/lost' || FATAL.test(text)
  const message = `${engine} stopped while ${doing}: ${inFewWords(text)}`
  return new LabError(code, message, { engine, ...(fatal && { fatal }) }, { cause: error })
}

/** Without the wrapping of the C interface and the path of the build machine; `cause` keeps the whole text. */
function inFewWords(text: string): string {
  const [, words = text] = text.split('ERROR_MESSAGE:')
  return words
    .replaceAll(/\/\S*\/(?=onnxruntime\/)/g, '')
    .trim()
    .replace(/\.?$/, '.')
}
