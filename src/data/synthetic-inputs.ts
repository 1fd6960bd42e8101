// Made-up inputs for a model of which nothing else is known, by name, type and rank. Good for timing and for checking engines against
// each other; never for accuracy or calibration, so the data set is marked synthetic.

import { LabError } from '../core/errors/lab-error'
import type { KnownDType } from '../core/model/dtype'
import { encodeFloat16 } from '../core/numeric/float16'
import type { Rng } from '../core/numeric/rng'
import type { NumericArray, TensorValue } from '../core/pass/tensor-value'
import { verifySampleIndex, type Dataset } from './dataset'
import { resolveShape, STATE, type ModelInput } from './free-dimensions'

/** More values than this in one input are a mistyped size. */
const MAX_VALUES = 2 ** 28
/** Every real vocabulary is larger. */
const TOKENS = 16
const SAMPLE_RATE_HZ = 16_000
const ID = 'synthetic'

type Content = 'zeros' | 'ones' | 'tokens' | 'positions' | 'lengths' | 'sample-rate' | 'bytes' | 'normal'

const CONTENT_BY_NAME: readonly (readonly [RegExp, Content])[] = [
  [/mask/, 'ones'],
  [/token_type|segment/, 'zeros'],
  [/position/, 'positions'],
  [/^(sr|sample_?rate|sampling_?rate)$/, 'sample-rate'],
  [STATE, 'zeros'],
  [/(length|lens?)s?$/, 'lengths'],
  [/scale/, 'ones'],
]

interface Filling {
  readonly dims: readonly number[]
  readonly count: number
  readonly content: Content
  /** Value of a length input. */
  readonly longest: number
}

/**
 * `count` samples for all `inputs`, drawn now. `sizes`: see `freeDimensionDefaults`. Throws `options/invalid` for sizes that cannot
 * be, `model/unsupported` for a type that no engine takes as an input.
 */
export function synthesizeInputs(
  inputs: readonly ModelInput[],
  sizes: Readonly<Record<string, number>>,
  rng: Rng,
  count: number,
): Dataset {
  const shapes = inputs.map((input) => resolveShape(input, inputs, sizes))
  const longest = Math.max(1, ...shapes.map((dims) => dims[1] ?? 1))
  const fillings = inputs.map((input, index) => planFilling(input, shapes[index] ?? [], longest))
  const draw = () =>
    Object.fromEntries(inputs.map((input, i) => [input.name, synthesize(input, fillings[i] ?? EMPTY, rng)] as const))
  const samples = Array.from({ length: count }, draw)
  return {
    id: ID,
    source: ID,
    size: count,
    isSynthetic: true,
    sample: async (index) => {
      verifySampleIndex(index, count, ID)
      return Promise.resolve(samples[index] ?? {})
    },
  }
}

const EMPTY: Filling = { dims: [0], count: 0, content: 'zeros', longest: 0 }

function planFilling(input: ModelInput, dims: readonly number[], longest: number): Filling {
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (dims.every((dim) => Number.isInteger(dim) && dim >= 0) && count <= MAX_VALUES) {
    return { dims, count, longest, content: contentOf(input, dims.length) }
  }
  const message = `The input "${input.name}" cannot have the shape [${dims.join(', ')}]: sizes must be integers from 0, at most ${MAX_VALUES} values in all.`
  throw new LabError('options/invalid', message, { path: input.name, shape: dims.join(',') })
}

function contentOf({ name, dtype }: ModelInput, rank: number): Content {
  const lower = name.toLowerCase()
  const named = CONTENT_BY_NAME.find(([pattern]) => pattern.test(lower))?.[1]
  if (named) return named
  if (dtype === 'bool') return 'zeros'
  if (dtype.startsWith('float')) return 'normal'
  if (dtype === 'uint8' && rank >= 3) return 'bytes'
  // A lone integer is a count, an axis or a size: 1 is the value that fits most.
  return rank >= 2 ? 'tokens' : 'ones'
}

function synthesize({ name, dtype }: ModelInput, filling: Filling, rng: Rng): TensorValue {
  const { dims, count } = filling
  if (dtype === 'string') return { dtype, dims, data: Array.from({ length: count }, () => '') }
  const numbers = Float64Array.from({ length: count }, (_, index) => valueAt(index, filling, rng))
  return { dtype, dims, data: toArray(name, dtype, numbers) }
}

function valueAt(index: number, { content, dims, longest }: Filling, rng: Rng): number {
  switch (content) {
    case 'zeros':
      return 0
    case 'ones':
      return 1
    case 'tokens':
      return rng.below(TOKENS)
    case 'positions':
      return index % (dims.at(-1) ?? 1)
    case 'lengths':
      return longest
    case 'sample-rate':
      return SAMPLE_RATE_HZ
    case 'bytes':
      return rng.below(256)
    case 'normal':
      return rng.normal()
    default:
      return content satisfies never
  }
}

const ARRAYS: Partial<Record<KnownDType, (numbers: Float64Array) => NumericArray>> = {
  float32: (numbers) => Float32Array.from(numbers),
  float64: (numbers) => numbers,
  float16: (numbers) => encodeFloat16(Float32Array.from(numbers)),
  int8: (numbers) => Int8Array.from(numbers),
  uint8: (numbers) => Uint8Array.from(numbers),
  bool: (numbers) => Uint8Array.from(numbers),
  int16: (numbers) => Int16Array.from(numbers),
  uint16: (numbers) => Uint16Array.from(numbers),
  int32: (numbers) => Int32Array.from(numbers),
  uint32: (numbers) => Uint32Array.from(numbers),
  int64: (numbers) => BigInt64Array.from(Array.from(numbers, BigInt)),
  uint64: (numbers) => BigUint64Array.from(Array.from(numbers, BigInt)),
}

function toArray(name: string, dtype: KnownDType, numbers: Float64Array): NumericArray {
  const make = ARRAYS[dtype]
  if (make) return make(numbers)
  const message = `The input "${name}" has the type ${dtype}, for which no inputs can be made.`
  throw new LabError('model/unsupported', message, { input: name, dtype })
}
