// The pool of a real browser: its workers start, do their share, and the bytes are those of one thread.

import { afterEach, beforeEach, expect, test } from 'vitest'

import { makeTensor, tensorBytes, type Tensor } from '../../src/core/model/tensor'
import { quantizeWeight, type QuantizedWeight, type WeightFormat } from '../../src/core/numeric/quantize-weight'
import { seededRng } from '../../src/core/numeric/rng'
import { inOrder } from '../../src/core/tasks/in-order'
import { quantizeWeightWith } from '../../src/core/tasks/quantize-weight-with'
import type { GptqFactor } from '../../src/techniques/quantize-blocks/gptq'
import { packWeight, type PackedWeight } from '../../src/techniques/quantize-blocks/pack-weight'
import type { BlockMethod } from '../../src/techniques/quantize-blocks/choose-algorithm'
import { spawnTaskWorker } from '../../workers/host/browser-task-pool'
import { nextTurn } from '../../workers/host/job'
import { TaskPool } from '../../workers/host/task-pool'

const WIDTH = 1024
const rng = seededRng(9)
const weight: Tensor = makeTensor(
  'w',
  'float32',
  [WIDTH, WIDTH],
  Float32Array.from({ length: WIDTH * WIDTH }, () => rng.normal()),
)
const weights = Array.from({ length: 8 }, () => weight)
const NAMES = { quantized: 'q', scale: 's', zeroPoint: 'z' }

/** Counts the replies of all workers. */
class CountingWorker extends Worker {
  static replies = 0

  constructor(url: string | URL, options?: WorkerOptions) {
    super(url, options)
    this.addEventListener('message', () => CountingWorker.replies++)
  }
}
const BrowserWorker = globalThis.Worker
let pool: TaskPool

beforeEach(() => {
  CountingWorker.replies = 0
  globalThis.Worker = CountingWorker
  pool = new TaskPool(1, spawnTaskWorker, nextTurn)
})
afterEach(() => {
  pool.end()
  globalThis.Worker = BrowserWorker
})

const sameBytes = (tensors: readonly (Tensor | undefined)[], expected: readonly (Tensor | undefined)[]): boolean =>
  tensors.every((tensor, i) => {
    const other = expected[i]
    if (!tensor || !other) return tensor === other
    const [a, b] = [tensorBytes(tensor), tensorBytes(other)]
    return a.length === b.length && a.every((byte, at) => byte === b[at])
  })

/** Again and again until a worker has had time to start and to answer. */
async function untilAnswered(round: () => Promise<void>): Promise<void> {
  do await round()
  while (CountingWorker.replies === 0)
}

test.each([0, 1])('gives the integers of one thread, scales along axis %d', async (axis) => {
  const format: WeightFormat = { dtype: 'int8', axis, isSymmetric: true }
  const parts = (result: QuantizedWeight | undefined) => [result?.quantized, result?.scale, result?.zeroPoint]
  const expected = parts(quantizeWeight(weight, format, NAMES))
  const start = (tensor: Tensor) => quantizeWeightWith(pool, tensor, format, NAMES)
  await untilAnswered(async () => {
    for await (const [, result] of inOrder(weights, pool.depth, start)) {
      expect(sameBytes(parts(result), expected)).toBe(true)
    }
  })
})

const factor = (k: number, buffer: ArrayBufferLike): GptqFactor => {
  const upper = new Float64Array(buffer)
  for (let i = 0; i < k; i++) upper.fill(0.05, i * k + i, (i + 1) * k).fill(1, i * k + i, i * k + i + 1)
  return { k, upper, order: undefined, damping: 0.01 }
}
const METHODS: readonly (readonly [string, BlockMethod])[] = [
  ['rounding', { algorithm: 'rtn', format: 'matmul-nbits', role: 'matrix' }],
  [
    'GPTQ, whose factor is shared memory',
    { algorithm: 'gptq', gridMse: false, factor: factor(WIDTH, new SharedArrayBuffer(8 * WIDTH * WIDTH)) },
  ],
]

test.each(METHODS)('gives the blocks of one thread: %s', async (_what, method) => {
  const grid = { bits: 4, blockSize: 32, symmetric: true } as const
  const stored = { tensor: weight, role: 'matrix', n: WIDTH, k: WIDTH, layout: 'columns', readers: [] } as const
  const parts = (packed: PackedWeight | undefined) => [packed?.codes, packed?.scales, packed?.zeroPoints]
  const expected = parts(await packWeight(stored, grid, 'blobs', method, { checkpoint: nextTurn }))
  await untilAnswered(async () => {
    const packed = await packWeight(stored, grid, 'blobs', method, { checkpoint: nextTurn, tasks: pool })
    expect(sameBytes(parts(packed), expected)).toBe(true)
  })
})
