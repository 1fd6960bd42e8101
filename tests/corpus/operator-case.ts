// One case of ONNX's own operator tests: a model with the inputs that stand beside it (`input_0.pb`…), run before and after something
// was done to its bytes. Used by the corpus tests and by the studies over all cases.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { LabError } from '../../src/core/errors/lab-error'
import type { KnownDType } from '../../src/core/model/dtype'
import type { Shape } from '../../src/core/model/shape'
import { tensorBytes, type Tensor } from '../../src/core/model/tensor'
import { seededRng } from '../../src/core/numeric/rng'
import { decodeTensor } from '../../src/core/onnx/decode-tensor'
import { WireReader } from '../../src/core/onnx/wire-reader'
import type { NamedValues, NumericArray, TensorValue } from '../../src/core/pass/tensor-value'
import { freeDimensionDefaults } from '../../src/data/free-dimensions'
import { synthesizeInputs } from '../../src/data/synthetic-inputs'
import type { Engine, EngineSession } from '../../src/engines/engine'

export type Outcome =
  /** The runtime refuses the original; `reason` is its message. */
  | { readonly kind: 'not-loaded'; readonly reason: string }
  /** The runtime loads the original and cannot run it on these inputs. */
  | { readonly kind: 'not-run'; readonly reason: string }
  /** Two runs of the original differ (random operators). */
  | { readonly kind: 'random' }
  | { readonly kind: 'identical' }
  /** `difference` is Infinity where not only numbers differ. */
  | { readonly kind: 'different'; readonly reason: string; readonly difference: number }

/** Where the case keeps its inputs: beside the model, or in the first data set of the original layout. */
const inputFolder = (folder: string): string => {
  const set = join(folder, 'test_data_set_0')
  return existsSync(set) ? set : folder
}

export interface CaseOptions {
  /** Of the case's model: `input_0.pb`… and, to be checked against, `output_0.pb`… lie here or in `test_data_set_0`. */
  readonly folder: string
  /** Shapes for synthetic inputs where the model's own leave open what only its author knows. */
  readonly shapes?: Readonly<Record<string, Shape>>
}

/** Runs `original` twice and `rewritten` once, without graph optimizations, and compares bit for bit. */
export async function compareRuns(
  engine: Engine,
  options: CaseOptions,
  original: Uint8Array,
  rewritten: Uint8Array,
): Promise<Outcome> {
  let session: EngineSession
  try {
    session = await engine.open(original, { optimization: 'disabled' })
  } catch (error) {
    return { kind: 'not-loaded', reason: messageOf(error) }
  }
  try {
    const feeds = await readFeeds(options, session)
    const [first, second] = [await session.run(feeds), await session.run(feeds)]
    if (firstDifference(first, second)) return { kind: 'random' }
    return await compareWith(engine, rewritten, feeds, first)
  } catch (error) {
    return { kind: 'not-run', reason: messageOf(error) }
  } finally {
    await session.close()
  }
}

async function compareWith(
  engine: Engine,
  rewritten: Uint8Array,
  feeds: NamedValues,
  expected: NamedValues,
): Promise<Outcome> {
  try {
    const session = await engine.open(rewritten, { optimization: 'disabled' })
    try {
      const got = await session.run(feeds)
      const where = firstDifference(expected, got)
      if (where === undefined) return { kind: 'identical' }
      return { kind: 'different', reason: where, difference: largestDifference(expected, got) }
    } finally {
      await session.close()
    }
  } catch (error) {
    return { kind: 'different', reason: messageOf(error), difference: Infinity }
  }
}

const messageOf = (error: unknown): string => {
  if (error instanceof LabError) return error.message
  throw error
}

/**
 * Largest difference between what the model gives and the outputs that its case states, relative where they are above 1; undefined
 * where the runtime refuses the model or the case states none.
 */
export async function compareWithStated(
  engine: Engine,
  options: CaseOptions,
  model: Uint8Array,
): Promise<number | undefined> {
  const session = await engine.open(model, { optimization: 'disabled' }).catch(messageOf)
  if (typeof session === 'string') return undefined
  try {
    const stated = readValues(options.folder, 'output', session.outputNames)
    const got = await session.run(await readFeeds(options, session))
    return stated && largestDifference(stated, got)
  } finally {
    await session.close()
  }
}

async function readFeeds({ folder, shapes }: CaseOptions, session: EngineSession): Promise<NamedValues> {
  const stored = readValues(folder, 'input', session.inputNames)
  if (stored && session.inputNames.length > 0) return stored
  const inputs = session.inputs.map((input) => ({ ...input, shape: shapes?.[input.name] ?? input.shape }))
  const sizes = { ...freeDimensionDefaults(inputs), ...SHORT_SEQUENCE }
  return synthesizeInputs(inputs, sizes, seededRng(0), 1).sample(0)
}

/** Small models have few positions. */
const SHORT_SEQUENCE = { sequence: 16 }

/** Undefined unless all of the values are there. */
function readValues(folder: string, kind: 'input' | 'output', names: readonly string[]): NamedValues | undefined {
  const files = names.map((_, index) => join(inputFolder(folder), `${kind}_${index}.pb`))
  if (!files.every((file) => existsSync(file))) return undefined
  const values = files.map((file) => {
    return valueOf(decodeTensor(new WireReader(new Uint8Array(readFileSync(file)), 'TensorProto')))
  })
  return Object.fromEntries(names.map((name, index) => [name, values[index]] as const)) as NamedValues
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
} as const satisfies Partial<Record<KnownDType, new (buffer: ArrayBuffer) => NumericArray>>

/** Throws `model/unsupported` for what the runtime takes no inputs of. */
function valueOf(tensor: Tensor): TensorValue {
  const { dtype, dims, data } = tensor
  if (data.kind === 'strings') {
    const decoder = new TextDecoder()
    return { dtype: 'string', dims, data: data.values.map((bytes) => decoder.decode(bytes)) }
  }
  const entry = Object.entries(ARRAYS).find(([name]) => name === dtype)
  if (!entry) throw new LabError('model/unsupported', `Inputs of type ${dtype} cannot be given.`, { dtype })
  return { dtype: dtype as keyof typeof ARRAYS, dims, data: new entry[1](tensorBytes(tensor).slice().buffer) }
}

/** Undefined where names, types, sizes and every bit agree. */
function firstDifference(expected: NamedValues, got: NamedValues): string | undefined {
  const names = Object.keys(expected)
  if (names.join() !== Object.keys(got).join()) return `outputs ${Object.keys(got).join()}, expected ${names.join()}`
  return names.find((name) => !isSame(expected[name], got[name]))
}

function isSame(a: TensorValue | undefined, b: TensorValue | undefined): boolean {
  if (!a || !b || a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return false
  return Buffer.compare(contentOf(a), contentOf(b)) === 0
}

/** Over all outputs, relative where the expected value is above 1. Two NaN count as equal. */
function largestDifference(expected: NamedValues, got: NamedValues): number {
  let largest = 0
  for (const [name, value] of Object.entries(expected)) {
    const other = got[name]
    if (!other || other.dtype !== value.dtype || other.dims.join() !== value.dims.join()) return Infinity
    for (let i = 0; i < value.data.length; i++) {
      const [a, b] = [Number(value.data[i]), Number(other.data[i])]
      if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) {
        largest = Math.max(largest, Math.abs(a - b) / Math.max(1, Math.abs(a)))
      }
    }
  }
  return largest
}

function contentOf({ data }: TensorValue): Buffer {
  if (!ArrayBuffer.isView(data)) return Buffer.from(JSON.stringify(data))
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
