import { describe, expect, it } from 'vitest'
import { inOrder } from './in-order'

describe('inOrder', () => {
  const after = (turns: number): Promise<void> =>
    turns === 0 ? Promise.resolve() : Promise.resolve().then(() => after(turns - 1))

  it('gives results in the order of the items, however long each takes', async () => {
    const seen: [number, number][] = []
    for await (const [item, result] of inOrder([5, 1, 3, 0], 3, (turns) => after(turns).then(() => turns * 10))) {
      seen.push([item, result])
    }
    expect(seen).toEqual([
      [5, 50],
      [1, 10],
      [3, 30],
      [0, 0],
    ])
  })

  it.each([1, 2, 3])('has %d items under way and no more', async (ahead) => {
    let underWay = 0
    let most = 0
    const start = async (): Promise<void> => {
      most = Math.max(most, ++underWay)
      await after(3)
    }
    for await (const [, result] of inOrder([1, 2, 3, 4, 5], ahead, start)) {
      expect(result).toBeUndefined()
      underWay--
    }
    expect(most).toBe(ahead)
  })

  it('fails where its item fails, and starts nothing more', async () => {
    const started: number[] = []
    const start = (item: number): Promise<number> => {
      started.push(item)
      return item === 2 ? Promise.reject(new Error('two')) : Promise.resolve(item)
    }
    const read = async (): Promise<void> => {
      for await (const [item, result] of inOrder([1, 2, 3, 4], 2, start)) expect(result).toBe(item)
    }
    await expect(read()).rejects.toThrow('two')
    expect(started).toEqual([1, 2, 3])
  })
})
