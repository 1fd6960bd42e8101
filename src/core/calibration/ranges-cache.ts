// Ranges as a file: the JSON cache of ONNX Runtime's quantization (`save_tensors_data`), read and written, and plain
// `{"name": [min, max]}`, read.

import {
  array,
  check,
  length,
  literal,
  looseObject,
  number,
  optional,
  pipe,
  record,
  safeParse,
  string,
  transform,
  tuple,
  union,
} from 'valibot'
import { LabError } from '../errors/lab-error'
import type { TensorRanges } from '../pass/pass-context'
import type { Range } from './ranges'

const RANGES_BY_NAME = 'an object of ranges by tensor name'

const float32 = pipe(
  number('a number'),
  transform(Math.fround),
  check((value) => Number.isFinite(value), 'a finite float32 number'),
)
const range = pipe(
  tuple([float32, float32], 'a pair [min, max]'),
  check(([min, max]) => min <= max, 'a lower bound that is not above the upper one'),
)
const plainSchema = record(string(), range, RANGES_BY_NAME)

/** A number, or numpy's array of one. */
const held = union(
  [
    float32,
    pipe(
      looseObject({ data: union([float32, pipe(array(float32), length(1))]) }),
      transform(({ data }) => (typeof data === 'number' ? data : (data[0] ?? NaN))),
    ),
  ],
  'one finite float32 number, since there is one range for a whole tensor',
)
const cacheSchema = pipe(
  looseObject({
    CLS: literal('TensorsData'),
    data: record(
      string(),
      pipe(
        looseObject({ lowest: held, highest: held }, 'an object with lowest and highest'),
        transform(({ lowest, highest }): [number, number] => [lowest, highest]),
        range,
      ),
      RANGES_BY_NAME,
    ),
    // Those ranges belong to a model that SmoothQuant has changed.
    smooth_quant: optional(literal(false, 'false: ranges of a model that SmoothQuant changed fit no other')),
  }),
  transform(({ data }) => data),
)

/** Reads a file of ranges. Throws `recipe/invalid`; `details.path` names the place, such as `data.conv1.lowest`. */
export function parseRanges(text: string): TensorRanges {
  const raw = parseJson(text)
  if (Array.isArray(raw)) throw invalid({ received: 'a list', message: RANGES_BY_NAME })
  const isCache = typeof raw === 'object' && raw !== null && 'CLS' in raw
  const parsed = safeParse(isCache ? cacheSchema : plainSchema, raw)
  if (parsed.success) return parsed.output
  throw invalid(parsed.issues[0])
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LabError('recipe/invalid', `The ranges are not JSON: ${reason}.`, {}, { cause })
  }
}

interface Issue {
  readonly received: string
  readonly message: string
  readonly path?: readonly { readonly key: unknown }[] | undefined
}

function invalid({ received, message, path = [] }: Issue): LabError {
  const keys = path.map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  const place = keys.replace(/^\./, '') || 'ranges'
  return new LabError('recipe/invalid', `${place} is ${received}, expected ${message}.`, {
    path: place,
    expected: message,
  })
}

/** The ranges as ONNX Runtime's `load_tensors_data` reads them (one JSON document). */
export function writeRangesCache(ranges: TensorRanges): string {
  const hold = (value: number) => ({ data: [value], dtype: 'float32', CLS: 'numpy.array' })
  const tensor = ([lowest, highest]: Range) => ({ lowest: hold(lowest), highest: hold(highest), CLS: 'TensorData' })
  const data = Object.fromEntries(Object.entries(ranges).map(([name, bounds]) => [name, tensor(bounds)]))
  return JSON.stringify({
    CLS: 'TensorsData',
    data,
    calibration_method: { CLS: 'CalibrationMethod', value: 'CalibrationMethod.MinMax' },
    smooth_quant: false,
  })
}
