import { expect, test } from 'vitest'

import { asLabError, fromWireError, LabError, toWireError } from './lab-error'

test('code, message, details and the whole chain of causes survive structured clone', () => {
  const inner = new LabError('model/parse', 'Bad byte.', { byteOffset: 3 })
  const error = new LabError('engine/failed', 'No session.', { op: 'Conv' }, { cause: inner })
  const back = fromWireError(structuredClone(toWireError(error)))
  expect(back).toBeInstanceOf(LabError)
  expect({ code: back.code, message: back.message, details: back.details }).toEqual({
    code: 'engine/failed',
    message: 'No session.',
    details: { op: 'Conv' },
  })
  expect((back.cause as LabError).details).toEqual({ byteOffset: 3 })
})

test('foreign errors become internal ones, and unknown codes from the wire too', () => {
  expect(toWireError(new RangeError('x'))).toEqual({ code: 'internal', message: 'x', details: {} })
  expect(fromWireError({ code: 'nope' as 'internal', message: 'm', details: {} }).code).toBe('internal')
  expect(asLabError('text').message).toBe('text')
})
