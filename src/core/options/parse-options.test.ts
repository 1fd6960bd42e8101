import { expect, test } from 'vitest'

import { LabError } from '../errors/lab-error'
import { defaultOptions, parseOptions } from './parse-options'
import { choice, integer, names, overrides, real, toggle } from './spec'

const specs = {
  bits: integer({ label: 'Bits', help: '', default: 8, min: 2, max: 8 }),
  granularity: choice({ label: 'One scale per', help: '', choices: ['tensor', 'channel'], default: 'channel' }),
  symmetric: toggle({ label: 'Symmetric', help: '', default: true }),
}

function problem(raw: unknown): LabError {
  try {
    parseOptions(specs, raw, 'steps[0].options')
  } catch (error) {
    if (error instanceof LabError) return error
  }
  throw new Error('expected a LabError')
}

test('missing options take their default', () => {
  expect(parseOptions(specs, { bits: 4 }, 'o')).toEqual({ bits: 4, granularity: 'channel', symmetric: true })
  expect(defaultOptions(specs)).toEqual({ bits: 8, granularity: 'channel', symmetric: true })
})

test.each([
  [{ bits: 1 }, 'steps[0].options.bits is 1, expected an integer from 2 to 8.'],
  [{ bits: 4.5 }, 'steps[0].options.bits is 4.5, expected an integer from 2 to 8.'],
  [{ bits: '4' }, 'steps[0].options.bits is "4", expected an integer from 2 to 8.'],
  [{ granularity: 'row' }, 'steps[0].options.granularity is "row", expected one of "tensor", "channel".'],
  [{ symmetric: 1 }, 'steps[0].options.symmetric is 1, expected true or false.'],
  [{ colour: 1 }, 'steps[0].options.colour is "colour", expected one of "bits", "granularity", "symmetric".'],
  [[], 'steps[0].options is [], expected an object.'],
])('%j is refused with the path of the offending value', (raw, message) => {
  const error = problem(raw)
  expect(error.code).toBe('options/invalid')
  expect(error.message).toBe(message)
})

test('inherited names are not options', () => {
  expect(problem(JSON.parse('{"__proto__": {}}')).details['path']).toBe('steps[0].options.__proto__')
  expect(problem({ toString: 1 }).code).toBe('options/invalid')
})

const others = {
  percentile: real({ label: 'Percentile', help: '', default: 99.9, min: 50, max: 100 }),
  exclude: names({ label: 'Leave out', help: '', of: 'nodes' }),
  tensors: overrides({ label: 'Single tensors', help: '' }),
}

test('names are a set: order and repetition mean nothing', () => {
  expect(parseOptions(others, { exclude: ['b', 'a', 'b'] }, 'o')).toEqual({
    percentile: 99.9,
    exclude: ['a', 'b'],
    tensors: {},
  })
})

test('overrides are read to the last field, and refused with the path of the wrong one', () => {
  const tensors = { x: [{ quantType: 'uint16', convert: { quantType: 'uint8', receivers: ['conv'] } }] }
  expect(parseOptions(others, { tensors }, 'o').tensors).toEqual(tensors)
  const problemOf = (raw: unknown): unknown => {
    try {
      return parseOptions(others, raw, 'o')
    } catch (error) {
      return error instanceof LabError && error.details['path']
    }
  }
  expect(problemOf({ tensors: { x: [{ scale: -1 }] } })).toBe('o.tensors.x[0].scale')
  expect(problemOf({ tensors: { x: {} } })).toBe('o.tensors.x')
  expect(problemOf({ percentile: Infinity })).toBe('o.percentile')
  expect(problemOf({ exclude: ['a', ''] })).toBe('o.exclude[1]')
})
