// Two threads over weights against one, by the clock: it needs two cores that nobody else uses. Of many runs in turn the fastest of each
// kind count: virtual machines lend a core, or half of one, to others for moments, and two threads must be spared by that at once.

import { availableParallelism } from 'node:os'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTaskPool } from '../../src/cli/node-task-pool'
import { makeTensor, type Tensor } from '../../src/core/model/tensor'
import { seededRng } from '../../src/core/numeric/rng'
import { inOrder } from '../../src/core/tasks/in-order'
import { quantizeWeightWith } from '../../src/core/tasks/quantize-weight-with'
import type { TaskPort } from '../../src/core/tasks/task'
import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { buildLathe } from '../cli/run-lathe'

describe.runIf(availableParallelism() >= 2)('two threads over 128 MB of weights', () => {
  const WIDTH = 1024
  const rng = seededRng(2)
  const weights = Array.from({ length: 32 }, (_, layer) => {
    // As `lathe compress` reads models that pay for a pool.
    const values = new Float32Array(new SharedArrayBuffer(4 * WIDTH * WIDTH))
    for (let i = 0; i < values.length; i++) values[i] = rng.normal() / 50
    return makeTensor(`w${layer}`, 'float32', [WIDTH, WIDTH], values)
  })
  const NAMES = { quantized: 'q', scale: 's', zeroPoint: 'z' }

  async function quantizeAll(axis: number, tasks?: TaskPort): Promise<void> {
    const start = (weight: Tensor) =>
      quantizeWeightWith(tasks, weight, { dtype: 'int8', axis, isSymmetric: true }, NAMES)
    const results: unknown[] = []
    for await (const [, result] of inOrder(weights, tasks?.depth ?? 1, start)) results.push(result)
    if (!results.every(Boolean)) throw new Error('A weight was not quantized.')
  }

  const ROUNDS = 25

  /** Milliseconds of the fastest run by one thread over that by two. */
  async function speedUp(axis: number, pool: TaskPort): Promise<number> {
    const fastest = { one: Infinity, two: Infinity }
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now()
      await quantizeAll(axis)
      const middle = performance.now()
      await quantizeAll(axis, pool)
      fastest.one = Math.min(fastest.one, middle - start)
      fastest.two = Math.min(fastest.two, performance.now() - middle)
    }
    return fastest.one / fastest.two
  }

  beforeAll(buildLathe)

  it('take at most 1 / 1.7 of the time of one', async () => {
    // The size of a model that affords one worker beside this thread.
    const pool = openTaskPool(REPOSITORY, 600e6)
    if (!pool) throw new Error('The machine has too little memory for a worker.')
    const rows = await speedUp(0, pool)
    const columns = await speedUp(1, pool)
    pool.end()
    console.log(`two threads: rows ${rows}, columns ${columns} times as fast`)
    expect(rows).toBeGreaterThanOrEqual(1.7)
    expect(columns).toBeGreaterThanOrEqual(1.7)
  })
})
