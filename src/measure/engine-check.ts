// The engine check: the same file, run by an engine and by the reference (plain WASM, graph optimizations disabled) on the same
// inputs, must give the same answers within the tolerance of its number format. It is the only thing that hides a speed.

import type { KnownDType } from '../core/model/dtype'
import { measureError } from '../core/numeric/error-metrics'
import type { NamedValues } from '../core/pass/tensor-value'
import { collectOutputs, type CollectedOutput } from './output-values'

/** Number format that the file computes in; it sets the tolerance. A float16 file may well have float32 outputs. */
export type Precision = 'float32' | 'float16' | 'int8'

export interface EngineCheckOptions {
  /** Default `float32`; a float16 output is held to the tolerance of float16 in any case. */
  readonly precision?: Precision
  /** How often an int8 file rounds activations on the way to its outputs: one step each, added as independent errors. Default 1. */
  readonly roundings?: number
  /** Quantization step by output name, where known (the scale that its DequantizeLinear uses). */
  readonly outputSteps?: Readonly<Record<string, number>>
  /** Differences up to this are none, even where the whole output is zero. Default 1e-6, which suits values of the order of 1. */
  readonly floor?: number
}

export interface EngineCheck {
  readonly ok: boolean
  readonly precision: Precision
  readonly samples: number
  readonly outputs: readonly OutputCheck[]
  /** Name of the first output that fails; null when all pass. */
  readonly failing: string | null
}

export interface OutputCheck {
  readonly name: string
  readonly dtype: KnownDType
  readonly ok: boolean
  readonly reason: 'different' | 'not-finite' | 'shape' | 'missing' | null
  /** Largest absolute difference over all samples; null where there is none to compute. */
  readonly maxAbs: number | null
  /** What `maxAbs` may be. */
  readonly tolerance: number
  /** Null for identical outputs (infinite) and where it cannot be computed. */
  readonly sqnrDb: number | null
  readonly isIdentical: boolean
  /** The element that differs most, or the first that is not finite; null for identical outputs. */
  readonly worst: WorstElement | null
}

interface WorstElement {
  readonly sample: number
  /** Index per axis of that sample's output. */
  readonly position: readonly number[]
  /** As text, because NaN and infinities do not survive JSON. */
  readonly reference: string
  readonly candidate: string
}

/** Fraction of max |y| by which outputs may differ. */
const RELATIVE_TOLERANCE = { float32: 1e-3, float16: 1e-2 } as const
/** Steps of an 8-bit output over its range. */
const INT8_STEPS = 255
/** How far a float32 multiple of a step may seem from a whole number, in steps; and how many different ones are no accident. */
const GRID_TOLERANCE = 0.02
const MIN_LEVELS = 8
export const ABSOLUTE_FLOOR = 1e-6

/** `reference[i]` and `candidate[i]` are the outputs for input i. */
export function checkEngine(
  reference: readonly NamedValues[],
  candidate: readonly NamedValues[],
  options: EngineCheckOptions = {},
): EngineCheck {
  const precision = options.precision ?? 'float32'
  const outputs = collectOutputs(reference, candidate).map((output) => checkOutput(output, precision, options))
  const failing = outputs.find(({ ok }) => !ok)?.name ?? null
  return { ok: failing === null && outputs.length > 0, precision, samples: reference.length, outputs, failing }
}

function checkOutput(output: CollectedOutput, precision: Precision, options: EngineCheckOptions): OutputCheck {
  const { name, dtype } = output
  if (output.problem) {
    const nothing = { maxAbs: null, tolerance: 0, sqnrDb: null, isIdentical: false, worst: null }
    return { name, dtype, ok: false, reason: output.problem, ...nothing }
  }
  const { truth, actual } = output
  const broken = actual.findIndex((value, index) => !Number.isFinite(value) || !Number.isFinite(truth[index]))
  const { tolerance, worst } = {
    tolerance: toleranceOf(output, precision, options),
    worst: mostDifferent(truth, actual),
  }
  if (broken >= 0) {
    const place = describeElement(output, broken)
    return {
      name,
      dtype,
      ok: false,
      reason: 'not-finite',
      maxAbs: null,
      tolerance,
      sqnrDb: null,
      isIdentical: false,
      worst: place,
    }
  }
  const { maxAbs, sqnrDb } = measureError(truth, actual)
  const ok = maxAbs <= tolerance
  return {
    ...{ name, dtype, ok, reason: ok ? null : 'different', maxAbs, tolerance },
    sqnrDb: maxAbs === 0 ? null : sqnrDb,
    isIdentical: maxAbs === 0,
    worst: maxAbs === 0 ? null : describeElement(output, worst),
  }
}

function toleranceOf(
  { name, dtype, truth }: CollectedOutput,
  precision: Precision,
  options: EngineCheckOptions,
): number {
  const { floor = ABSOLUTE_FLOOR } = options
  const steps = independentSteps(options.roundings)
  if (dtype === 'int8' || dtype === 'uint8') return Math.floor(steps)
  // Indices, lengths, flags: nothing between right and wrong.
  if (!dtype.startsWith('float') && dtype !== 'bfloat16') return 0
  let [low, high] = [0, 0]
  for (const value of truth) [low, high] = [Math.min(low, value), Math.max(high, value)]
  const format = dtype === 'float16' && precision === 'float32' ? 'float16' : precision
  if (format === 'int8') {
    const step = options.outputSteps?.[name] ?? gridStep(truth) ?? (high - low) / INT8_STEPS
    return Math.max(step, floor) * (steps + GRID_TOLERANCE)
  }
  return Math.max(RELATIVE_TOLERANCE[format] * Math.max(high, -low), floor)
}

/** Every rounding may fall to the other side by one step; so many independent errors add up to the root of their number. */
const independentSteps = (roundings = 1): number => Math.sqrt(Math.max(1, roundings))

/** The quantization step, where all values are whole multiples of one: what a DequantizeLinear at the end leaves behind. */
function gridStep(values: Float64Array): number | undefined {
  const sorted = values.toSorted()
  let step = Infinity
  let levels = 1
  sorted.forEach((value, index) => {
    const gap = value - (sorted[index - 1] ?? value)
    if (gap <= ABSOLUTE_FLOOR) return
    step = Math.min(step, gap)
    levels++
  })
  const isOnGrid = (value: number): boolean => Math.abs(value / step - Math.round(value / step)) < GRID_TOLERANCE
  return levels >= MIN_LEVELS && sorted.every(isOnGrid) ? step : undefined
}

function mostDifferent(truth: Float64Array, actual: Float64Array): number {
  let [worst, largest] = [0, -1]
  truth.forEach((value, index) => {
    const difference = Math.abs(value - (actual[index] ?? NaN))
    if (difference > largest) [worst, largest] = [index, difference]
  })
  return worst
}

function describeElement({ truth, actual, dims }: CollectedOutput, index: number): WorstElement {
  let sample = 0
  let rest = index
  for (const [at, shape] of dims.entries()) {
    const count = shape.reduce((product, dim) => product * dim, 1)
    sample = at
    if (rest < count) break
    rest -= count
  }
  const position: number[] = []
  for (const dim of (dims[sample] ?? []).toReversed()) {
    position.unshift(rest % dim)
    rest = Math.floor(rest / dim)
  }
  return { sample, position, reference: String(truth[index]), candidate: String(actual[index]) }
}
