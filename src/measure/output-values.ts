// The outputs of two runs over the same inputs, brought together output by output in float64, so that they can be compared.

import { LabError } from '../core/errors/lab-error'
import type { KnownDType } from '../core/model/dtype'
import { outputNumbers } from '../core/pass/tensor-numbers'
import type { NamedValues, TensorValue } from '../core/pass/tensor-value'

export interface CollectedOutput {
  readonly name: string
  readonly dtype: KnownDType
  /** What keeps the output from being compared. */
  readonly problem: 'missing' | 'shape' | null
  /** Values of all samples, one after the other; both lists have the same length. */
  readonly truth: Float64Array
  readonly actual: Float64Array
  /** Dimensions per sample. */
  readonly dims: readonly (readonly number[])[]
}

/** One entry per output of the truth, in its order. Throws `data/invalid` when the lists of runs do not match. */
export function collectOutputs(
  truth: readonly NamedValues[],
  actual: readonly NamedValues[],
): readonly CollectedOutput[] {
  const [first] = truth
  if (!first || truth.length !== actual.length) {
    const message = `Outputs are compared for the same inputs, got ${truth.length} runs and ${actual.length}.`
    throw new LabError('data/invalid', message, { truth: truth.length, actual: actual.length })
  }
  return Object.entries(first).map(([name, { dtype }]) => collectOutput(name, dtype, truth, actual))
}

function collectOutput(
  name: string,
  dtype: KnownDType,
  truth: readonly NamedValues[],
  actual: readonly NamedValues[],
): CollectedOutput {
  const pairs = truth.map((values, sample) => [values[name], actual[sample]?.[name]] as const)
  const dims = pairs.map(([one]) => one?.dims ?? [])
  const nothing = { name, dtype, dims, truth: new Float64Array(0), actual: new Float64Array(0) }
  if (pairs.some(([one, other]) => !one || !other)) return { ...nothing, problem: 'missing' }
  if (pairs.some(([one, other]) => String(one?.dims) !== String(other?.dims))) return { ...nothing, problem: 'shape' }
  const numbers = pairs.map(([one, other]) => (one && other ? comparableNumbers(one, other) : ([[], []] as const)))
  return {
    name,
    dtype,
    dims,
    problem: null,
    truth: join(numbers.map(([one]) => one)),
    actual: join(numbers.map(([, other]) => other)),
  }
}

type Numbers = ArrayLike<number>

function comparableNumbers(one: TensorValue, other: TensorValue): readonly [Numbers, Numbers] {
  // Strings have no distance: 0 for the truth and 0 or 1 for the other.
  if (one.dtype === 'string' || other.dtype === 'string') {
    const texts = Array.from(one.data as ArrayLike<unknown>, String)
    return [texts.map(() => 0), texts.map((text, index) => Number(String(other.data[index]) !== text))]
  }
  return [outputNumbers(one), outputNumbers(other)]
}

function join(parts: readonly Numbers[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
