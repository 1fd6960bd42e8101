// Parameters that a person sets for single tensors of a quantization (quant_type, ranges, scales, mixed precision by `convert`): plain JSON,
// read once at the door. Whether they fit a model is decided by the technique, which knows the tensors.

import {
  array,
  boolean,
  finite,
  integer,
  minValue,
  number,
  optional,
  picklist,
  pipe,
  record,
  safeParse,
  strictObject,
  string,
  type InferOutput,
} from 'valibot'

const QUANT_TYPES = ['int4', 'uint4', 'int8', 'uint8', 'int16', 'uint16'] as const
const real = pipe(number(), finite())
const parameters = {
  quantType: optional(picklist(QUANT_TYPES)),
  /** Scale and zero point go together, and then leave out `symmetric`, `reduceRange`, `min` and `max`. */
  scale: optional(pipe(real, minValue(Number.MIN_VALUE))),
  zeroPoint: optional(pipe(number(), integer())),
  symmetric: optional(boolean()),
  reduceRange: optional(boolean()),
  min: optional(real),
  max: optional(real),
}
const overrideSchema = strictObject({
  ...parameters,
  /** Weights only: one override per index along this axis follows, or this one serves all of them. */
  axis: optional(pipe(number(), integer())),
  /** Activations only: readers get the tensor in another type. */
  convert: optional(
    strictObject({
      ...parameters,
      quantType: picklist(QUANT_TYPES),
      /** Names of the nodes that read the converted tensor; all readers when absent. */
      receivers: optional(array(string())),
    }),
  ),
})
const schema = record(string(), array(overrideSchema))

/** One entry: the whole tensor. Several, or one with `axis`: one per channel. */
export type TensorOverride = InferOutput<typeof overrideSchema>
export type TensorOverrides = Readonly<Record<string, readonly TensorOverride[]>>

/** The overrides in `value`, or where and what is wrong with them. */
export function readTensorOverrides(
  value: unknown,
):
  | { readonly overrides: TensorOverrides }
  | { readonly path: string; readonly got: unknown; readonly expected: string } {
  if (Array.isArray(value)) return { path: '', got: value, expected: 'an object with tensor names as keys' }
  const parsed = safeParse(schema, value)
  if (parsed.success) return { overrides: parsed.output }
  const [issue] = parsed.issues
  const path = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return { path, got: issue.input, expected: issue.expected ?? issue.message }
}
