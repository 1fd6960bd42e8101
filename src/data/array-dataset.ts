// A data set from arrays, as an `.npz` holds them: one array per model input, first axis = samples, and optionally `labels`.

import { LabError } from '../core/errors/lab-error'
import type { NamedValues, NumericArray, TensorValue } from '../core/pass/tensor-value'
import { verifySampleIndex, type Dataset } from './dataset'

/** The array that holds class indices. */
export const LABELS = 'labels'

/** Throws `data/invalid` when an input has no array or the arrays do not agree on the number of samples. */
export function arrayDataset(
  id: string,
  arrays: ReadonlyMap<string, TensorValue>,
  inputNames: readonly string[],
): Dataset {
  const inputs = inputNames.map((name) => [name, requireArray(id, arrays, name)] as const)
  const size = inputs[0]?.[1].dims[0] ?? 0
  if (size === 0) throw new LabError('data/invalid', `The data set "${id}" holds no samples.`, { id })
  const stored = inputNames.includes(LABELS) ? undefined : arrays.get(LABELS)
  const all = stored ? [...inputs, [LABELS, stored] as const] : inputs
  for (const [name, { dims }] of all) {
    if (dims[0] === size) continue
    const message = `Array "${name}" of "${id}" has ${dims[0] ?? 0} samples, "${inputNames[0] ?? ''}" has ${size}.`
    throw new LabError('data/invalid', message, { array: name, expected: size, got: dims[0] ?? 0 })
  }
  const labels = stored && labelsOf(id, stored)
  return {
    id,
    source: id,
    size,
    isSynthetic: false,
    ...(labels && { labels }),
    sample: async (index) => {
      verifySampleIndex(index, size, id)
      const feeds: NamedValues = Object.fromEntries(inputs.map(([name, array]) => [name, sampleOf(array, index)]))
      return Promise.resolve(feeds)
    },
  }
}

function requireArray(id: string, arrays: ReadonlyMap<string, TensorValue>, name: string): TensorValue {
  const array = arrays.get(name)
  if (array) return array
  const names = [...arrays.keys()].join(', ')
  const message = `The data set "${id}" has no array for the input "${name}"; its arrays are ${names}.`
  throw new LabError('data/invalid', message, { input: name })
}

function labelsOf(id: string, { data, dims }: TensorValue): readonly number[] {
  const labels = Array.from(data as ArrayLike<number | bigint | string>, Number)
  if (dims.length === 1 && labels.every((label) => Number.isInteger(label) && label >= 0)) return labels
  throw new LabError('data/invalid', `The labels of "${id}" must be a vector of class indices from 0.`, {
    array: LABELS,
  })
}

function sampleOf({ dtype, dims, data }: TensorValue, index: number): TensorValue {
  const rest = dims.slice(1)
  const count = rest.reduce((product, dim) => product * dim, 1)
  return { dtype, dims: [1, ...rest], data: slice(data, index * count, (index + 1) * count) }
}

const slice = (data: NumericArray | readonly string[], from: number, to: number): NumericArray | readonly string[] =>
  'subarray' in data ? data.subarray(from, to) : data.slice(from, to)
