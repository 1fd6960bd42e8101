// The door for saved probe tables: JSON data in, a table out, or an error with what was expected. Of the environment only what is
// decided by is checked; the rest is carried for display.

import {
  array,
  finite,
  literal,
  looseObject,
  minValue,
  number,
  object,
  optional,
  picklist,
  pipe,
  safeParse,
  string,
  variant,
  type BaseIssue,
} from 'valibot'

import { LabError } from '../core/errors/lab-error'
import { ENGINE_IDS } from '../engines/engine'
import { PROBE_FORMATS, PROBE_OPERATORS, PROBE_TABLE_VERSION, type ProbeTable } from './probe-table'

const time = pipe(number(), finite(), minValue(0))
const outcome = variant('kind', [
  object({
    kind: literal('timed'),
    medianMs: time,
    n: time,
    ratio: optional(object({ value: time, low: time, high: time })),
  }),
  object({ kind: literal('wrong'), detail: string() }),
  object({ kind: literal('refused'), reason: string() }),
  object({ kind: literal('not-timed'), reason: string() }),
])
const table = looseObject({
  version: literal(PROBE_TABLE_VERSION),
  environment: looseObject({ engine: looseObject({ id: picklist(ENGINE_IDS), threads: number() }) }),
  seconds: time,
  rows: array(object({ operator: picklist(PROBE_OPERATORS), format: picklist(PROBE_FORMATS), outcome })),
})
const file = object({ tables: array(table) })

/** What `lathe probe --save` writes: one table for each engine. Throws `data/invalid`. */
export function parseProbeTables(text: string): readonly ProbeTable[] {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    throw new LabError(
      'data/invalid',
      'The probe table is not JSON.',
      { expected: 'a file of `lathe probe --save`' },
      { cause },
    )
  }
  const parsed = safeParse(file, raw)
  if (!parsed.success) throw invalid(parsed.issues[0])
  // The unchecked part of the environment is shown and never computed with.
  return parsed.output.tables as unknown as readonly ProbeTable[]
}

function invalid({ path, received, expected, message }: BaseIssue<unknown>): LabError {
  const place = path?.map(({ key }) => String(key)).join('.') ?? 'file'
  const wanted = expected ?? message
  return new LabError('data/invalid', `The probe table is not valid: ${place} is ${received}, expected ${wanted}.`, {
    path: place,
    expected: wanted,
  })
}
