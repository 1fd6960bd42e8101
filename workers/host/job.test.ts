import { expect, test } from 'vitest'

import { LabError } from '../../src/core/errors/lab-error'
import { job, JobQueue, type JobContext } from './job'
import type { Job } from './protocol'

/** Runs a worker method as the page would, without a worker in between. */
function call<I, O>(method: Job<I, O>, input: I) {
  const { port1, port2 } = new MessageChannel()
  const reports: { at: number; fraction: number }[] = []
  const reply = method(input, port2 as unknown as MessagePort, (fraction) => {
    reports.push({ at: performance.now(), fraction })
  })
  return { reply: reply.finally(() => port1.close()), control: port1, reports }
}
const sleep = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs))

test('a value and an error both come back as data', async () => {
  expect(
    await call(
      job(async (x: number) => x + 1),
      1,
    ).reply,
  ).toEqual({ ok: true, value: 2 })
  const failing = job(async () => {
    throw new LabError('model/parse', 'No.', { byteOffset: 3 }, { cause: new Error('deeper') })
  })
  expect(await call(failing, null).reply).toEqual({
    ok: false,
    error: {
      code: 'model/parse',
      message: 'No.',
      details: { byteOffset: 3 },
      cause: { code: 'internal', message: 'deeper', details: {} },
    },
  })
})

test('a checkpoint hears a cancel, and what the body then throws reads as cancelled', async () => {
  const listening = call(
    job(async (_: null, context) => {
      for (;;) await context.checkpoint()
    }),
    null,
  )
  const failing = call(
    job(async (_: null, { signal }) => {
      while (!signal.aborted) await sleep(1)
      throw new Error('its engine went away')
    }),
    null,
  )
  for (const { control, reply } of [listening, failing]) {
    control.postMessage('cancel')
    expect(await reply).toMatchObject({ ok: false, error: { code: 'job/cancelled' } })
  }
})

test('a disturbance is told once', async () => {
  const told: boolean[] = []
  const { reply, control } = call(
    job(async (_: null, context) => {
      await sleep(20)
      told.push(context.wasDisturbed(), context.wasDisturbed())
    }),
    null,
  )
  control.postMessage('disturbed')
  await reply
  expect(told).toEqual([true, false])
})

test('of a burst of progress the first report is sent at once and the newest at the interval', async () => {
  const { reply, reports } = call(
    job(async (_: null, context) => {
      for (let i = 0; i <= 50; i++) context.progress(i / 100, 'burst')
      await sleep(150)
      context.progress(1, 'end')
    }),
    null,
  )
  await reply
  expect(reports.slice(0, 2).map(({ fraction }) => fraction)).toEqual([0, 0.5])
  expect((reports[1]?.at ?? 0) - (reports[0]?.at ?? 0)).toBeGreaterThanOrEqual(95)
})

test('queued jobs run one after another, also behind one that failed; a cancelled one leaves the queue at once', async () => {
  const queue = new JobQueue()
  const order: string[] = []
  const queued = (name: string, durationMs: number) =>
    call(
      job((_: null, context: JobContext) =>
        queue.run(context, async () => {
          order.push(`${name} begins`)
          await sleep(durationMs)
          order.push(`${name} ends`)
          if (name === 'first') throw new Error('no')
        }),
      ),
      null,
    )
  const first = queued('first', 60)
  await sleep(10)
  const second = queued('second', 10)
  await sleep(10)
  const third = queued('third', 10)
  await sleep(10)
  second.control.postMessage('cancel')
  expect(await second.reply).toMatchObject({ ok: false, error: { code: 'job/cancelled' } })
  expect(order).toEqual(['first begins'])
  expect((await third.reply).ok).toBe(true)
  expect((await first.reply).ok).toBe(false)
  expect(order).toEqual(['first begins', 'first ends', 'third begins', 'third ends'])
})
