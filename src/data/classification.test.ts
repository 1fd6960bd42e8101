import { describe, expect, it } from 'vitest'
import { argmax, outputNumbers, softmax, topK } from './classification'

describe('softmax', () => {
  it('sums to one and keeps the proportions, however large the scores', () => {
    const small = softmax([0, Math.log(3)])
    expect(small[0]).toBeCloseTo(0.25, 12)
    expect(small[1]).toBeCloseTo(0.75, 12)
    expect([...softmax([5000, 5000])]).toEqual([0.5, 0.5])
  })
})

describe('the largest score', () => {
  it('is the first of equals', () => {
    expect(argmax([1, 3, 3, 2])).toBe(1)
    expect(argmax([-Infinity, -Infinity])).toBe(0)
  })

  it('does not exist in an empty list or where a score is not a number', () => {
    expect(argmax([])).toBe(-1)
    expect(argmax([NaN, 1])).toBe(-1)
    expect(argmax([1, NaN])).toBe(-1)
  })
})

it('the top classes come best first, equals by index', () => {
  expect(topK([1, 5, 5, 9, 0], 3)).toEqual([3, 1, 2])
  expect(topK([1], 5)).toEqual([0])
})

describe('the numbers of an output', () => {
  it('are decoded from what they are stored as', () => {
    const half = { dtype: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) } as const
    const brain = { dtype: 'bfloat16', dims: [2], data: Uint16Array.of(0x3f80, 0xc000) } as const
    const long = { dtype: 'int64', dims: [1], data: BigInt64Array.of(-5n) } as const
    expect([...Array.from(outputNumbers(half))]).toEqual([1, -2])
    expect([...Array.from(outputNumbers(brain))]).toEqual([1, -2])
    expect([...Array.from(outputNumbers(long))]).toEqual([-5])
  })

  it('do not exist for strings', () => {
    expect(() => outputNumbers({ dtype: 'string', dims: [1], data: ['a'] })).toThrow(/cannot be read as numbers/)
  })
})
