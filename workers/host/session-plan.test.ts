import { describe, expect, test } from 'vitest'

import type { ModelFile, ModelId } from './protocol'
import { planSessions } from './session-plan'

const megabytes = (size: number): ModelFile => ({
  id: 'm' as ModelId,
  file: new Blob([new Uint8Array(size * 1e6)]),
  externalData: [],
})
const small = { model: megabytes(5) }
const large = { model: megabytes(100) }
const unknown = { where: 'browser', deviceMemoryGB: null } as const

describe('sessions are opened', () => {
  test('together when they fit into what a page may use', () => {
    expect(planSessions([small, small], unknown)).toEqual({ open: 'together', neededBytes: 130e6, capBytes: 1e9 })
    expect(planSessions([large, large, large], unknown).open).toBe('together')
  })

  test('in turn when they do not, which depends on the device', () => {
    const four = [large, large, large, large]
    expect(planSessions(four, unknown)).toMatchObject({ open: 'in-turn', neededBytes: 1.3e9 })
    expect(planSessions(four, { ...unknown, deviceMemoryGB: 8 })).toMatchObject({ open: 'in-turn', capBytes: 1e9 })
    expect(planSessions([large, large], { ...unknown, deviceMemoryGB: 2 })).toMatchObject({
      open: 'in-turn',
      capBytes: 0.5e9,
    })
    expect(planSessions(four, { where: 'node', deviceMemoryGB: 1 })).toMatchObject({ open: 'together', capBytes: null })
  })

  test('as somebody insists, whatever the memory', () => {
    expect(planSessions([small, small], unknown, 'in-turn').open).toBe('in-turn')
    expect(planSessions([large, large, large, large], unknown, 'together').open).toBe('together')
  })

  test('with external data counted and shared sessions not', () => {
    const external = { ...megabytes(1), externalData: [{ path: 'w', file: megabytes(4).file }] }
    expect(planSessions([small, { model: external }], unknown).neededBytes).toBe(130e6)
    expect(planSessions([small, { ...small, sharesSessionWith: 0 }], unknown).neededBytes).toBe(115e6)
  })
})
