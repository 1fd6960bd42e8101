import { describe, expect, it } from 'vitest'
import { makeTensor, tensorBytes, type Tensor } from '../../src/core/model/tensor'
import { quantizeWeight, type QuantizedWeight, type WeightFormat } from '../../src/core/numeric/quantize-weight'
import { seededRng } from '../../src/core/numeric/rng'
import { isShared } from '../../src/core/tasks/task'
import { quantizeWeightWith } from '../../src/core/tasks/quantize-weight-with'
import { channelRangesTask, quantizeChannelsTask } from '../../src/core/tasks/weight-tasks'
import { LocalWorker, turn } from '../../tests/fixtures/local-worker'
import { TaskPool } from './task-pool'

const NAMES = { quantized: 'q', scale: 's', zeroPoint: 'z' }

const rng = seededRng(5)
/** 5 MB, which is several pieces along any axis; unaligned, as in a file. */
const values = Float32Array.from({ length: 1280 * 1025 }, () => rng.normal())
const fileIn = (memory: ArrayBufferLike): Uint8Array => {
  const file = new Uint8Array(memory).subarray(1)
  file.set(new Uint8Array(values.buffer))
  return file
}
const own = fileIn(new ArrayBuffer(values.byteLength + 1))
const shared = fileIn(new SharedArrayBuffer(values.byteLength + 1))
const weight = (dims: readonly number[], file = own): Tensor => ({
  ...makeTensor('w', 'float32', dims, new Uint8Array(0)),
  data: { kind: 'bytes', bytes: file },
})

const FORMATS: readonly (readonly [string, readonly number[], WeightFormat])[] = [
  ['one scale', [1280, 1025], { dtype: 'uint8', isSymmetric: false }],
  ['a scale per row', [1280, 1025], { dtype: 'int8', axis: 0, isSymmetric: true }],
  ['a scale per column', [1280, 1025], { dtype: 'int8', axis: -1, isSymmetric: true }],
  ['a scale per column, packed', [1025, 1280], { dtype: 'int4', axis: 1, isSymmetric: true }],
  ['rows of odd length, packed', [1280, 1025], { dtype: 'uint4', axis: 0, isSymmetric: false }],
  ['a scale along a middle axis', [16, 80, 1025], { dtype: 'uint16', axis: 1, isSymmetric: false }],
  ['blocks of rows', [1025, 1280], { dtype: 'int4', axis: 0, blockSize: 48, isSymmetric: true }],
  ['blocks along rows', [1280, 1025], { dtype: 'uint4', axis: 1, blockSize: 32, isSymmetric: false }],
]
const contents = (result: QuantizedWeight | undefined) =>
  result && [result.quantized, result.scale, result.zeroPoint].map(({ name, dtype, dims }) => ({ name, dtype, dims }))
const bytes = (result: QuantizedWeight | undefined): Buffer[] =>
  result ? [result.quantized, result.scale, result.zeroPoint].map((tensor) => Buffer.from(tensorBytes(tensor))) : []

async function expectSameAsInPlace(pool: TaskPool, dims: readonly number[], format: WeightFormat): Promise<void> {
  const expected = quantizeWeight(weight(dims), format, NAMES)
  for (const file of [own, shared]) {
    const result = await quantizeWeightWith(pool, weight(dims, file), format, NAMES)
    expect(contents(result)).toEqual(contents(expected))
    expect(bytes(result).every((part, i) => part.equals(bytes(expected)[i] as Buffer))).toBe(true)
    expect(result && isShared(tensorBytes(result.quantized))).toBe(file === shared)
  }
}

describe('a weight quantized by a pool', () => {
  it.each(FORMATS)('is that of one thread, to the bit, with any number of workers: %s', async (_what, dims, format) => {
    for (const helpers of [0, 2]) {
      const pool = new TaskPool(helpers, () => new LocalWorker(), turn)
      await expectSameAsInPlace(pool, dims, format)
      pool.end()
    }
  })

  it('is whole though workers die with work in hand, and though all are dead', async () => {
    LocalWorker.all.length = 0
    const pool = new TaskPool(2, () => new LocalWorker(LocalWorker.all.length), turn)
    const [, dims, format] = FORMATS[2] as (typeof FORMATS)[number]
    await expectSameAsInPlace(pool, dims, format)
    await expectSameAsInPlace(pool, dims, format)
    expect(LocalWorker.all.map(({ isEnded }) => isEnded)).toEqual([true, true])
  })

  it('is one piece where it is small and pieces would be looked at twice', async () => {
    const pool = new TaskPool(1, () => new LocalWorker(), turn)
    const small: Tensor = {
      ...weight([640, 1025]),
      data: { kind: 'bytes', bytes: own.subarray(0, 4 * 640 * 1025) },
    }
    const format: WeightFormat = { dtype: 'int8', axis: 1, isSymmetric: true }
    const expected = quantizeWeight(small, format, NAMES)
    const result = await quantizeWeightWith(pool, small, format, NAMES)
    expect(bytes(result).map((part) => part.toString('base64'))).toEqual(
      bytes(expected).map((part) => part.toString('base64')),
    )
    pool.end()
  })

  it('is undefined where a value is not finite', async () => {
    const pool = new TaskPool(1, () => new LocalWorker(), turn)
    const broken = values.slice()
    broken[700_000] = NaN
    const tensor = makeTensor('w', 'float32', [1280, 1025], broken)
    for (const axis of [undefined, 0, 1]) {
      const format: WeightFormat = { dtype: 'int8', axis, isSymmetric: true }
      expect(await quantizeWeightWith(pool, tensor, format, NAMES)).toBeUndefined()
    }
    pool.end()
  })
})

describe('TaskPool', () => {
  const input = { bytes: own, dims: [values.length], isSymmetric: false }

  it('starts workers with the first task, gives them work, and ends them', async () => {
    LocalWorker.all.length = 0
    const pool = new TaskPool(2, () => new LocalWorker(), turn)
    expect(LocalWorker.all).toHaveLength(0)
    const ranges = await Promise.all(Array.from({ length: 12 }, () => pool.run(channelRangesTask, input)))
    expect(new Set(ranges.map(({ max }) => max[0]))).toEqual(new Set([values.reduce((a, b) => Math.max(a, b), 0)]))
    expect(LocalWorker.all.every(({ answered }) => answered > 0)).toBe(true)
    pool.end()
    expect(LocalWorker.all.map(({ isEnded }) => isEnded)).toEqual([true, true])
  })

  it('does in this thread what a worker was sent and has not begun, and drops the late answer', async () => {
    const worker = new LocalWorker()
    const release = worker.hold()
    const pool = new TaskPool(1, () => worker, turn)
    const [begun, ...others] = Array.from({ length: 6 }, () => pool.run(channelRangesTask, input))
    const ranges = await Promise.all(others)
    expect(worker.answered).toBe(0)
    release()
    expect(await begun).toEqual(ranges[0])
    expect(await pool.run(channelRangesTask, input)).toEqual(ranges[0])
    expect(worker.answered).toBeGreaterThanOrEqual(2)
    pool.end()
  })

  it('passes on what a task throws, with its code, whoever did it', async () => {
    const wide = Float32Array.of(3e38, -3e38)
    const task = {
      bytes: new Uint8Array(wide.buffer),
      target: new Uint8Array(2),
      dims: [2],
      dtype: 'int8',
      options: {},
    } as const
    for (const helpers of [0, 1]) {
      const pool = new TaskPool(helpers, () => new LocalWorker(), turn)
      await expect(pool.run(quantizeChannelsTask, task)).rejects.toMatchObject({ code: 'data/invalid' })
      pool.end()
    }
  })

  it('leaves the bytes of the file where they are', async () => {
    const pool = new TaskPool(1, () => new LocalWorker(), turn)
    await pool.run(channelRangesTask, input)
    expect(Buffer.from(values.buffer).equals(own)).toBe(true)
    pool.end()
  })
})
