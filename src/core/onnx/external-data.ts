// Weights in files beside the model: what a model asks for, and putting them in. Locations come from the file, so they are
// checked like a path from a stranger: relative, and never out of the model's folder.

import { LabError, type Details } from '../errors/lab-error'
import { mapTensors } from '../model/map-tensors'
import { dtypeBytes } from '../model/dtype'
import type { Model } from '../model/model'
import { tensorCount, type Tensor, type TensorData } from '../model/tensor'

type ExternalData = Extract<TensorData, { kind: 'external' }>
type Fail = (problem: string, details?: Details) => LabError

/** The `external_data` entries of a tensor as a reference. `fail` makes the error that names the tensor. */
export function decodeExternalReference(entries: ReadonlyMap<string, string>, fail: Fail): ExternalData {
  const location = entries.get('location') ?? ''
  const problem = locationProblem(location)
  if (problem) throw fail(`is stored in "${location}", which ${problem}`, { location })
  const length = entries.get('length')
  return {
    kind: 'external',
    location,
    offset: decimal('offset', entries.get('offset') ?? '0', fail),
    ...(length !== undefined && { length: decimal('length', length, fail) }),
  }
}

/** Throws `options/invalid` unless the location is a relative POSIX path inside the model's folder. */
export function parseLocation(location: string): string {
  const problem = locationProblem(location)
  if (!problem) return location
  throw new LabError('options/invalid', `The data file "${location}" ${problem}.`, { path: 'location', got: location })
}

/** Every file that the model's weights stand in, each once. */
export function externalLocations(model: Model): string[] {
  const locations = new Set<string>()
  mapTensors(model, (tensor) => {
    if (tensor.data.kind === 'external') locations.add(tensor.data.location)
    return tensor
  })
  return [...locations]
}

/**
 * Gives the model its weights, as views into `files` (location → bytes). Throws `model/missing-external-data` where a file is
 * missing and `model/invalid` where it is too short or its part does not have the tensor's size.
 */
export function attachExternalData(model: Model, files: ReadonlyMap<string, Uint8Array>): Model {
  return mapTensors(model, (tensor) =>
    tensor.data.kind === 'external' ? { ...tensor, data: attached(tensor, tensor.data, files) } : tensor,
  )
}

function attached(tensor: Tensor, data: ExternalData, files: ReadonlyMap<string, Uint8Array>): TensorData {
  const { location, offset } = data
  const details = { tensor: tensor.name, location }
  const file = files.get(location)
  if (!file) {
    const message = `Tensor "${tensor.name}" is stored in "${location}", which was not given.`
    throw new LabError('model/missing-external-data', message, details)
  }
  const expected = dtypeBytes(tensor.dtype, tensorCount(tensor))
  const length = data.length ?? expected ?? Math.max(0, file.byteLength - offset)
  if (offset + length > file.byteLength || (expected !== undefined && length !== expected)) {
    const where = `${length} bytes from byte ${offset} of "${location}"`
    const message = `Tensor "${tensor.name}" is ${where}, expected ${expected ?? length} bytes within its ${file.byteLength}.`
    throw new LabError('model/invalid', message, { ...details, byteOffset: offset, expected: expected ?? length })
  }
  return { kind: 'bytes', bytes: file.subarray(offset, offset + length) }
}

function locationProblem(location: string): string | undefined {
  if (location === '') return 'has no name, expected a file beside the model'
  if (location.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(location)) return 'is not relative to the model'
  if (/[\\\0]/.test(location)) return 'holds a backslash or a zero, expected a path with "/"'
  return location.split('/').includes('..') ? 'leads out of the folder of the model' : undefined
}

function decimal(what: string, text: string, fail: Fail): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw fail(`has the ${what} "${text}" in its data file, expected a decimal number below 2^53`)
}
