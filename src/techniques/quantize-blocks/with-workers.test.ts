// The pass with workers gives the bytes of the pass without, for every algorithm, format and layout.

import { describe, expect, it } from 'vitest'

import { options } from '../../../tests/fixtures/block-models'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { LocalWorker, turn } from '../../../tests/fixtures/local-worker'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { TaskPool } from '../../../workers/host/task-pool'
import { joinParts } from '../../core/numeric/join-parts'
import { seededRng } from '../../core/numeric/rng'
import { encodeParts } from '../../core/onnx/encode-parts'
import type { CalibrationData, PassContext } from '../../core/pass/pass-context'
import { apply } from './apply'
import type { BlockOptions } from './plan'

const K = 96
const rng = seededRng(3)
const numbers = (count: number): number[] => Array.from({ length: count }, () => rng.normal())
/** Panels of 1365 rows: two for the product as stored by columns, three for that by rows, with a remainder; the table is small. */
const model = buildModel({
  inputs: { x: ['float32', ['rows', K]], i: ['int64', [4]] },
  outputs: { y: ['float32', ['rows', 1500]], z: ['float32', ['rows', 3001]], t: ['float32', [4, 80]] },
  initializers: {
    w: tensor('float32', [K, 1500], numbers(K * 1500)),
    v: tensor('float32', [3001, K], numbers(3001 * K)),
    table: tensor('float32', [2000, 80], numbers(2000 * 80)),
  },
  nodes: [
    node('MatMul', ['x', 'w'], ['y']),
    node('Gemm', ['x', 'v'], ['z'], { transB: 1 }),
    node('Gather', ['table', 'i'], ['t']),
  ],
})
const samples = numbers(8 * K)
const calibration: CalibrationData = {
  source: 'test',
  size: 4,
  sample: () =>
    Promise.resolve({
      x: floats([8, K], samples),
      i: { dtype: 'int64', dims: [4], data: new BigInt64Array(4) },
    }),
}

async function bytesWith(given: Partial<BlockOptions>, context: Partial<PassContext>): Promise<Buffer> {
  const result = await apply(model, options(given), testContext(context))
  const text = Buffer.from(JSON.stringify(result.notes))
  return Buffer.concat([joinParts(encodeParts(result.model)), text])
}

const CASES: readonly Partial<BlockOptions>[] = [
  { algorithm: 'rtn', bits: '4', embeddings: true },
  { algorithm: 'rtn', bits: '2', symmetric: false },
  { algorithm: 'rtn', bits: '8', format: 'qdq' },
  { algorithm: 'rtn', bits: '4', format: 'qdq', symmetric: false },
  { algorithm: 'rtn', bits: '4', blockSize: '128' },
  { algorithm: 'rtn-inc', bits: '4' },
  { algorithm: 'k-quant', bits: '4', embeddings: true },
  { algorithm: 'hqq', bits: '4' },
  { algorithm: 'gptq', calibrationSamples: 4 },
]

describe('quantize-blocks with workers', () => {
  it.each(CASES)('gives what it gives without: %o', async (given) => {
    LocalWorker.all.length = 0
    const pool = new TaskPool(2, () => new LocalWorker(), turn)
    const alone = await bytesWith(given, { calibration })
    expect((await bytesWith(given, { calibration, tasks: pool })).equals(alone)).toBe(true)
    expect(LocalWorker.all.some(({ answered }) => answered > 0)).toBe(true)
    pool.end()
  })

  it('leaves a weight in float where one panel holds a value that is not finite', async () => {
    const broken = numbers(3000 * K)
    broken[2900 * K] = NaN
    const parts = buildModel({
      inputs: { x: ['float32', ['rows', K]] },
      outputs: { y: ['float32', ['rows', 3000]] },
      initializers: { w: tensor('float32', [3000, K], broken) },
      nodes: [node('Gemm', ['x', 'w'], ['y'], { transB: 1 })],
    })
    const pool = new TaskPool(1, () => new LocalWorker(), turn)
    const { notes, model: result } = await apply(parts, options(), testContext({ tasks: pool }))
    expect(result).toBe(parts)
    expect(notes[0]?.text).toContain('not finite')
    pool.end()
  })
})
