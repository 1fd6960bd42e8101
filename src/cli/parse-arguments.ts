// The door for command lines: words in, typed arguments out, or `cli/usage` with what was wrong, where, and what was expected.

import { LabError } from '../core/errors/lab-error'
import {
  SHARED_OPTIONS,
  type ArgumentSpec,
  type ArgumentSpecs,
  type ArgumentsOf,
  type CommandSpec,
  type ParsedArguments,
} from './command'

export const usageError = (message: string, argument: string): LabError =>
  new LabError('cli/usage', message, { argument })

/** `words`: what follows the command's name. Everything after `--` is positional. Required ones are not missed under `--help`. */
export function parseArguments<S extends ArgumentSpecs>(
  command: CommandSpec<S>,
  words: readonly string[],
): ParsedArguments<S> {
  const specs: ArgumentSpecs = { ...command.options, ...SHARED_OPTIONS }
  const positionals: string[] = []
  const values = new Map<string, unknown>()
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--') {
      positionals.push(...words.slice(index + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word)
      continue
    }
    const { name, spec, written, inline } = findOption(command, specs, word)
    if (spec.kind === 'flag') {
      if (inline !== undefined) throw usageError(`${written} takes no value, but "${inline}" was given.`, written)
      values.set(name, true)
      continue
    }
    const value = inline ?? words[++index]
    if (value === undefined) throw usageError(`${written} has no value; expected ${written} ${spec.value}.`, written)
    store(values, name, spec, written, value)
  }
  const options = complete(specs, values)
  if (!values.has('help')) verifyComplete(command, specs, positionals, values)
  return { positionals, options: options as ArgumentsOf<S & typeof SHARED_OPTIONS> }
}

function findOption(command: CommandSpec, specs: ArgumentSpecs, word: string) {
  const [written = '', ...rest] = word.split('=')
  const inline = rest.length > 0 ? rest.join('=') : undefined
  for (const [name, spec] of Object.entries(specs)) {
    if (written === `--${name}` || (spec.short !== undefined && written === `-${spec.short}`)) {
      return { name, spec, written, inline }
    }
  }
  const known = Object.entries(specs).map(([name, spec]) => optionNames(name, spec))
  throw usageError(`"${written}" is no option of ${command.name}; expected one of: ${known.join(', ')}.`, written)
}

/** `--output, -o` */
export const optionNames = (name: string, spec: ArgumentSpec): string =>
  spec.short === undefined ? `--${name}` : `--${name}, -${spec.short}`

function store(
  values: Map<string, unknown>,
  name: string,
  spec: Exclude<ArgumentSpec, { kind: 'flag' }>,
  written: string,
  value: string,
): void {
  if (spec.kind === 'list') {
    const earlier = values.get(name)
    values.set(name, Array.isArray(earlier) ? [...earlier, value] : [value])
    return
  }
  if (values.has(name)) throw usageError(`${written} is given twice; expected it once.`, written)
  values.set(name, parseValue(spec, written, value))
}

function parseValue(spec: Exclude<ArgumentSpec, { kind: 'flag' | 'list' }>, written: string, value: string) {
  switch (spec.kind) {
    case 'text':
      if (value !== '') return value
      throw usageError(`${written} is empty; expected ${spec.value}.`, written)
    case 'choice':
      if (spec.choices.includes(value)) return value
      throw usageError(`${written} is "${value}"; expected one of: ${spec.choices.join(', ')}.`, written)
    case 'number': {
      const number = Number(value)
      if (value.trim() !== '' && number >= spec.min && number <= spec.max) return number
      throw usageError(`${written} is "${value}"; expected a number from ${spec.min} to ${spec.max}.`, written)
    }
    default:
      return spec satisfies never
  }
}

function complete(specs: ArgumentSpecs, values: ReadonlyMap<string, unknown>): Readonly<Record<string, unknown>> {
  const absent = (spec: ArgumentSpec): unknown => {
    if (spec.kind === 'flag') return false
    if (spec.kind === 'list') return []
    return spec.kind === 'number' ? spec.default : undefined
  }
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, values.get(name) ?? absent(spec)]))
}

function verifyComplete(
  command: CommandSpec,
  specs: ArgumentSpecs,
  positionals: readonly string[],
  values: ReadonlyMap<string, unknown>,
): void {
  const { usage, min, max } = command.positionals
  if (positionals.length < min) {
    const got = positionals.length === 0 ? 'nothing' : positionals.map((word) => `"${word}"`).join(' ')
    throw usageError(`${command.name} expects ${usage}, got ${got}.`, usage)
  }
  const extra = positionals[max]
  if (extra !== undefined) {
    const expected = max === 0 ? 'no such argument' : usage
    throw usageError(`"${extra}" is one argument too many for ${command.name}; expected ${expected}.`, extra)
  }
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.kind === 'text' && spec.isRequired && !values.has(name)) {
      const written = spec.short === undefined ? `--${name}` : `-${spec.short}`
      throw usageError(`${command.name} needs ${written} ${spec.value}: ${spec.help}`, written)
    }
  }
}
