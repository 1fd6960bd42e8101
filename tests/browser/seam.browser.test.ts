// The seam between page and workers, with a real worker that behaves well and badly.

import { expect, test } from 'vitest'

import { CANCEL_PATIENCE_MS } from '../../src/app/jobs/run-job'
import { SupervisedWorker } from '../../src/app/jobs/supervised-worker'
import { LabError } from '../../src/core/errors/lab-error'
import { seededRng } from '../../src/core/numeric/rng'
import { cancelDuring, codeOf, IDLE_BAR_MS, sleep } from './job-outcomes'
import type { SeamApi } from './seam.worker'

const spawn = (): Worker => new Worker(new URL('./seam.worker.ts', import.meta.url), { type: 'module' })
const start = (options = {}) => new SupervisedWorker<SeamApi>({ name: 'seam', spawn, ...options })

test('an error keeps its code, message, details and cause', async () => {
  const worker = start()
  const error: unknown = await worker.run('fail', 'lab').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(LabError)
  expect(error).toMatchObject({
    code: 'options/invalid',
    message: 'bits is 9.',
    details: { path: 'steps[0].bits', expected: ['2', '4'] },
    cause: { code: 'model/parse', message: 'Byte 7 is odd.', details: { byteOffset: 7 } },
  })
  expect((error as LabError).cause).toBeInstanceOf(LabError)
  await expect(worker.run('fail', 'foreign')).rejects.toMatchObject({
    code: 'internal',
    message: 'x is not a function',
  })
  worker.end()
})

test('progress arrives at most ten times a second, in order, and not after the end', async () => {
  const worker = start()
  const seen: { at: number; fraction: number }[] = []
  const progress = (fraction: number): void => void seen.push({ at: performance.now(), fraction })
  await worker.run('report', 1000, { progress })
  const { length } = seen
  expect(length).toBeGreaterThanOrEqual(5)
  expect(length).toBeLessThanOrEqual(11)
  expect(seen.map(({ fraction }) => fraction)).toEqual(seen.map(({ fraction }) => fraction).sort((a, b) => a - b))
  await sleep(200)
  expect(seen).toHaveLength(length)
  worker.end()
})

test('a job that listens stops at a cancel, and its worker lives on', async () => {
  const worker = start()
  await worker.run('count', null)
  const { code, idleMs } = await cancelDuring((options) => worker.run('listen', null, options), 50)
  expect(code).toBe('job/cancelled')
  expect(idleMs).toBeLessThan(CANCEL_PATIENCE_MS)
  expect(await worker.run('count', null)).toBe(3)
  worker.end()
})

test('a job that does not listen is killed in time, its neighbours die with it, and the next job gets a fresh worker', async () => {
  const worker = start()
  await worker.run('count', null)
  const neighbour = worker.run('waitForever', null).catch(codeOf)
  const { code, idleMs } = await cancelDuring((options) => worker.run('block', 5000, options), 50)
  expect(code).toBe('job/cancelled')
  expect(idleMs).toBeGreaterThanOrEqual(CANCEL_PATIENCE_MS - 1)
  expect(idleMs).toBeLessThanOrEqual(IDLE_BAR_MS)
  expect(await neighbour).toBe('worker/died')
  expect(await worker.run('count', null)).toBe(1)
  worker.end()
})

test('a signal that is already aborted starts nothing', async () => {
  const worker = start()
  await expect(worker.run('count', null, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'job/cancelled',
  })
  expect(await worker.run('count', null)).toBe(1)
  worker.end()
})

test('a worker that breaks rejects what it owes and is replaced', async () => {
  const worker = start()
  const pending = worker.run('waitForever', null).catch(codeOf)
  await expect(worker.run('crash', null)).rejects.toMatchObject({
    code: 'worker/died',
    message: expect.stringMatching(/seam worker ended: .*out of the blue/) as string,
    details: { worker: 'seam' },
  })
  expect(await pending).toBe('worker/died')
  expect(await worker.run('count', null)).toBe(1)
  worker.end()
})

test('a worker whose script does not load rejects', async () => {
  const worker = start({ spawn: () => new Worker('/no-such-worker.js', { type: 'module' }) })
  await expect(worker.run('count', null)).rejects.toMatchObject({ code: 'worker/died' })
})

test('an idle worker ends, one at work does not', async () => {
  const worker = start({ idleMs: 100 })
  const pending = worker.run('report', 600)
  await worker.run('count', null)
  await sleep(300)
  expect(worker.isAlive).toBe(true)
  await pending
  await sleep(300)
  expect(worker.isAlive).toBe(false)
  expect(await worker.run('count', null)).toBe(1)
  worker.end()
})

test('typed arrays in a reply are moved, not copied', async () => {
  const worker = start()
  expect((await worker.run('give', 1000)).byteLength).toBe(4000)
  expect(await worker.run('left', null)).toBe(0)
  worker.end()
})

test('workers killed at random moments leave no promise pending, and the next attempt is answered', async () => {
  const rng = seededRng(7)
  const worker = start()
  for (let round = 0; round < 40; round++) {
    const jobs = [
      worker.run('count', null),
      worker.run('report', 20),
      worker.run('waitForever', null),
      worker.run('fail', 'lab'),
    ].map((job) => job.then(() => 'done', codeOf))
    await sleep(rng.below(60))
    worker.end()
    const outcomes = await Promise.race([Promise.all(jobs), sleep(1000)])
    expect(outcomes, `round ${round}`).toBeDefined()
    for (const outcome of outcomes ?? []) expect(outcome).toMatch(/done|worker\/died|options\/invalid/)
    expect(outcomes?.[2]).toBe('worker/died')
  }
  expect(await worker.run('count', null)).toBe(1)
  worker.end()
})
