// Every error code of Lathe. Codes are stable strings: they cross threads, stand in stored files and in scripts.
// Renaming one needs a changelog entry.

export const ERROR_CODES = [
  /** The bytes are not a model we can read; details hold `byteOffset` or `path`. */
  'model/parse',
  /** The graph breaks a rule of ONNX (cycle, unknown tensor, duplicate name); details hold `node`, `tensor`. */
  'model/invalid',
  /** Readable, but uses something we or the engine cannot handle; details hold `op`, `opset`, `node`. */
  'model/unsupported',
  'model/too-large',
  /** The model's weights stand in another file that was not given; details hold `location`. */
  'model/missing-external-data',
  /** A value is not allowed; details hold `path`, `expected`, `got`. */
  'options/invalid',
  'recipe/invalid',
  'recipe/unknown-technique',
  'recipe/newer-version',
  /** The recipe needs real calibration data and none was given. */
  'recipe/needs-calibration',
  /** There is nothing for this technique to do in this model. */
  'pass/not-applicable',
  /** Our bug: a technique left a broken graph. Details hold `technique`, `node`. */
  'pass/invariant',
  'data/invalid',
  'engine/failed',
  'engine/unavailable',
  'device/lost',
  'device/out-of-memory',
  'job/cancelled',
  'worker/died',
  'storage/quota',
  'download/refused',
  /** Command-line arguments; details hold `argument`. */
  'cli/usage',
  /** Anything that is not a `LabError`: always a bug. */
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]
