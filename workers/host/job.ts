// The worker side of the seam: `job(body)` makes a worker method out of plain code. It gives the body a cancel signal, throttled
// progress and a checkpoint, and turns whatever is thrown into a reply that keeps code, details and cause; a thrown error would
// lose them on its way through comlink.

import { releaseProxy, transfer } from 'comlink'

import { cancelled, isCancelled, toWireError } from '../../src/core/errors/lab-error'
import type { ControlMessage, Job, JobProgress, JobReply } from './protocol'

export interface JobContext {
  /** Aborted when the page cancels. */
  readonly signal: AbortSignal
  /** Gives the message loop a turn (about 0.1 ms, so: per tensor or inference, not per element); throws `job/cancelled`. */
  checkpoint(): Promise<void>
  /** `fraction` 0…1. Call it as often as you like. */
  readonly progress: JobProgress
  /** True when the page was hidden since the last call. */
  wasDisturbed(): boolean
}

const PROGRESS_INTERVAL_MS = 100

export function job<I, O>(body: (input: I, context: JobContext) => Promise<O>): Job<I, O> {
  return async (input, control, progress) => {
    const { context, close } = openContext(control, progress)
    try {
      await context.checkpoint()
      return await reply(body(input, context), context.signal)
    } catch (error) {
      return { ok: false, error: toWireError(error) }
    } finally {
      close()
    }
  }
}

/** Settles `work` into a reply. What a body throws after a cancel is the cancel's doing, so it reads `job/cancelled`. */
export async function reply<O>(work: Promise<O>, signal?: AbortSignal): Promise<JobReply<O>> {
  try {
    const value = await work
    return transfer({ ok: true, value }, ownedBuffers(value))
  } catch (error) {
    return { ok: false, error: toWireError(signal?.aborted && !isCancelled(error) ? cancelled() : error) }
  }
}

/** Runs jobs one after another: a timing must not share its engine with other work. A cancelled one leaves the queue at once. */
export class JobQueue {
  #last: Promise<unknown> = Promise.resolve()

  async run<T>(context: JobContext, body: () => Promise<T>): Promise<T> {
    const turn = this.#last
    let leave = (): void => undefined
    const done = new Promise<void>((resolve) => (leave = resolve))
    this.#last = turn.then(() => done)
    try {
      await Promise.race([turn, whenCancelled(context.signal)])
      return await body()
    } finally {
      leave()
    }
  }
}

/** Rejects with `job/cancelled` when `signal` aborts; never resolves. */
function whenCancelled(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(cancelled())
    else signal.addEventListener('abort', () => reject(cancelled()), { once: true })
  })
}

function openContext(control: MessagePort, progress: JobProgress): { context: JobContext; close: () => void } {
  const controller = new AbortController()
  let isDisturbed = false
  control.onmessage = ({ data }: MessageEvent<ControlMessage>) => {
    if (data === 'cancel') controller.abort()
    else isDisturbed = true
  }
  const throttled = throttle(progress)
  const context: JobContext = {
    signal: controller.signal,
    checkpoint: async () => {
      await nextTurn()
      if (controller.signal.aborted) throw cancelled()
    },
    progress: throttled.send,
    wasDisturbed: () => {
      const was = isDisturbed
      isDisturbed = false
      return was
    },
  }
  const close = (): void => {
    throttled.stop()
    control.close()
    release(progress)
  }
  return { context, close }
}

/** Sends the first report at once, later ones at the interval, always the newest; none is sent late after `stop`. */
function throttle(progress: JobProgress): { send: JobProgress; stop: () => void } {
  let newest: Parameters<JobProgress> | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let sentAt = -Infinity
  const flush = (): void => {
    timer = undefined
    sentAt = performance.now()
    if (newest) progress(...newest)
  }
  const send: JobProgress = (...report) => {
    newest = report
    if (timer !== undefined) return
    const wait = sentAt + PROGRESS_INTERVAL_MS - performance.now()
    if (wait <= 0) flush()
    else timer = setTimeout(flush, wait)
  }
  return { send, stop: () => clearTimeout(timer) }
}

/** One turn of the message loop, so that what has arrived is heard, such as a cancel. Timers would be clamped to 4 ms. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

/** Lets go of the page's callback; plain functions (tests, the command line) have nothing to let go of. */
function release(progress: JobProgress & { readonly [releaseProxy]?: () => void }): void {
  progress[releaseProxy]?.()
}

/** Buffers of the typed arrays in a reply: moved to the page, not copied, because the worker has no further use for them. */
function ownedBuffers(value: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer)
  } else if (Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype) {
    for (const item of Object.values(value as object)) ownedBuffers(item, found)
  }
  return [...found]
}
