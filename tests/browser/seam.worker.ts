// A worker for the tests of the seam: every way in which a job can go well or badly.

import { expose } from 'comlink'

import { LabError } from '../../src/core/errors/lab-error'
import { job } from '../../workers/host/job'
import type { Job } from '../../workers/host/protocol'

export interface SeamApi {
  /** How many jobs this worker has begun, this one included. */
  count: Job<null, number>
  fail: Job<'lab' | 'foreign', null>
  /** Reports progress as fast as it can for so many ms. */
  report: Job<number, null>
  /** Works in steps and listens between them. */
  listen: Job<null, null>
  /** Blocks its thread for so many ms. */
  block: Job<number, null>
  waitForever: Job<null, null>
  /** Throws outside any job. */
  crash: Job<null, null>
  give: Job<number, Float32Array>
  /** Bytes that are left of what `give` gave. */
  left: Job<null, number>
}

let begun = 0
let given: Float32Array | undefined

function block(durationMs: number): void {
  const end = performance.now() + durationMs
  while (performance.now() < end);
}

const api: SeamApi = {
  count: job(async () => ++begun),
  fail: job(async (kind) => {
    if (kind === 'foreign') throw new TypeError('x is not a function')
    const cause = new LabError('model/parse', 'Byte 7 is odd.', { byteOffset: 7 })
    throw new LabError('options/invalid', 'bits is 9.', { path: 'steps[0].bits', expected: ['2', '4'] }, { cause })
  }),
  report: job(async (durationMs, context) => {
    const start = performance.now()
    for (let now = start; now - start < durationMs; now = performance.now()) {
      context.progress((now - start) / durationMs, 'counting')
      await context.checkpoint()
    }
    return null
  }),
  listen: job(async (_, context) => {
    begun++
    for (;;) {
      block(5)
      await context.checkpoint()
    }
  }),
  block: job(async (durationMs) => {
    block(durationMs)
    return null
  }),
  waitForever: job(() => new Promise<null>(() => undefined)),
  crash: job(async () => {
    setTimeout(() => {
      throw new Error('out of the blue')
    })
    return new Promise<null>(() => undefined)
  }),
  give: job(async (length) => (given = new Float32Array(length).fill(1))),
  left: job(async () => given?.byteLength ?? -1),
}

expose(api)
