// The door for option values: unknown data in, typed options out, or `options/invalid` with the path of the offending value.

import { LabError } from '../errors/lab-error'
import type { OptionSpec, OptionSpecs, OptionsOf, OptionValue } from './spec'
import { readTensorOverrides } from './tensor-overrides'

/** `raw`: an object or undefined; missing options take their default, unknown ones are refused. `path` prefixes messages. */
export function parseOptions<O extends OptionSpecs>(specs: O, raw: unknown, path: string): OptionsOf<O> {
  const given = parseRecord(raw ?? {}, path)
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(specs, name)) throw invalid(`${path}.${name}`, name, listOf(Object.keys(specs)))
  }
  const values = Object.entries(specs).map(([name, spec]) => [
    name,
    Object.hasOwn(given, name) ? parseOption(spec, given[name], `${path}.${name}`) : spec.default,
  ])
  return Object.fromEntries(values) as OptionsOf<O>
}

/** The default of every option. */
export const defaultOptions = <O extends OptionSpecs>(specs: O): OptionsOf<O> => parseOptions(specs, {}, 'options')

function parseOption(spec: OptionSpec, value: unknown, path: string): OptionValue {
  switch (spec.kind) {
    case 'number':
      if (typeof value === 'number' && value >= spec.min && value <= spec.max) return value
      throw invalid(path, value, `a number from ${spec.min} to ${spec.max}`)
    case 'names':
      return parseNames(value, path)
    case 'overrides': {
      const read = readTensorOverrides(value)
      if ('overrides' in read) return read.overrides
      throw invalid(`${path}${read.path}`, read.got, read.expected)
    }
    case 'integer':
      if (typeof value === 'number' && Number.isInteger(value) && value >= spec.min && value <= spec.max) return value
      throw invalid(path, value, `an integer from ${spec.min} to ${spec.max}`)
    case 'choice':
      if (typeof value === 'string' && spec.choices.includes(value)) return value
      throw invalid(path, value, listOf(spec.choices))
    case 'toggle':
      if (typeof value === 'boolean') return value
      throw invalid(path, value, 'true or false')
    default:
      return spec satisfies never
  }
}

/** Order and repetition mean nothing, so equal sets give equal recipes. */
function parseNames(value: unknown, path: string): readonly string[] {
  if (!Array.isArray(value)) throw invalid(path, value, 'a list of names')
  const wrong = value.findIndex((name) => typeof name !== 'string' || name === '')
  if (wrong >= 0) throw invalid(`${path}[${wrong}]`, value[wrong], 'a name')
  return [...new Set(value as readonly string[])].sort()
}

/** Reads a plain object, refusing arrays and null. */
export function parseRecord(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(path, value, 'an object')
}

function invalid(path: string, got: unknown, expected: string): LabError {
  const shown = typeof got === 'string' ? `"${got}"` : (JSON.stringify(got) ?? 'nothing').slice(0, 80)
  return new LabError('options/invalid', `${path} is ${shown}, expected ${expected}.`, { path, expected, got: shown })
}

const listOf = (names: readonly string[]): string =>
  names.length === 0 ? 'no option at all' : `one of ${names.map((name) => `"${name}"`).join(', ')}`
