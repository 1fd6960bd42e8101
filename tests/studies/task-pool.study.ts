// Two threads over weights against one, by the clock: it needs a quiet machine with two cores.

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
import { medianTimes } from '../fixtures/median-times'

describe.runIf(availableParallelism() >= 2)('two threads over 128 MB of weights', () => {
  const WIDTH = 1024
  const rng = seededRng(2)
  const weights = Array.from({ length: 32 }, (_, layer) => {
    const values = Float32Array.from({ length: WIDTH * WIDTH }, () => rng.normal() / 50)
    return makeTensor(`w${layer}`, 'float32', [WIDTH, WIDTH], values)
  })
  const NAMES = { quantized: 'q', scale: 's', zeroPoint: 'z' }

  async function quantizeAll(axis: number, tasks?: TaskPort): Promise<number> {
    const start = (weight: Tensor) =>
      quantizeWeightWith(tasks, weight, { dtype: 'int8', axis, isSymmetric: true }, NAMES)
    let done = 0
    for await (const [, result] of inOrder(weights, tasks?.depth ?? 1, start)) if (result) done++
    return done
  }

  beforeAll(buildLathe)

  it('take at most 1 / 1.7 of the time of one', async () => {
    // The size of a model that affords one worker beside this thread.
    const pool = openTaskPool(REPOSITORY, 600e6)
    if (!pool) throw new Error('The machine has too little memory for a worker.')
    const times = await medianTimes(() => performance.now(), {
      rowsByOne: () => quantizeAll(0),
      rowsByTwo: () => quantizeAll(0, pool),
      columnsByOne: () => quantizeAll(1),
      columnsByTwo: () => quantizeAll(1, pool),
    })
    pool.end()
    const rows = times.rowsByOne / times.rowsByTwo
    const columns = times.columnsByOne / times.columnsByTwo
    console.log(`two threads: rows ${rows}, columns ${columns} times as fast`)
    expect(rows).toBeGreaterThanOrEqual(1.7)
    expect(columns).toBeGreaterThanOrEqual(1.7)
  })
})
