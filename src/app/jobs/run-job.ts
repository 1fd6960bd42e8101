// The page's side of one job: sends it, listens for cancel, and makes sure that the promise settles whatever becomes of the worker.
// The twin of `workers/host/job.ts`.

import type { ControlMessage, JobProgress, JobReply } from '../../../workers/host/protocol'
import { asLabError, cancelled, fromWireError, type LabError } from '../../core/errors/lab-error'
import { watchVisibility } from '../platform/watch-visibility'

export interface JobOptions {
  /** Aborting asks the worker to stop; one that has not stopped in time is killed. */
  readonly signal?: AbortSignal | undefined
  /** At most ten calls a second. */
  readonly progress?: JobProgress | undefined
}

/** What a job needs of the worker it runs in. */
export interface JobTarget<T> {
  /** Sends the call; `control` must be transferred. */
  send(control: MessagePort, progress: JobProgress): Promise<JobReply<T>>
  /** Calls `listener` when the worker dies, at most once. Returns a way to unsubscribe. */
  onDeath(listener: (reason: LabError) => void): () => void
  kill(): void
}

/** A worker that has not stopped so long after a cancel is killed: a running inference cannot be interrupted. */
export const CANCEL_PATIENCE_MS = 150

/**
 * Rejects with the worker's own error, `job/cancelled` after an abort (whatever the worker made of it), or `worker/died`.
 * Resolves or rejects only once the worker has stopped working on the job.
 */
export function runJob<T>(target: JobTarget<T>, { signal, progress }: JobOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled())
    const { port1: control, port2 } = new MessageChannel()
    const tell = (message: ControlMessage): void => control.postMessage(message)
    let patience: ReturnType<typeof setTimeout> | undefined
    const onAbort = (): void => {
      tell('cancel')
      patience = setTimeout(() => target.kill(), CANCEL_PATIENCE_MS)
    }
    const stopWatching = watchVisibility(() => tell('disturbed'))
    let isSettled = false
    const settle = (outcome: () => void): void => {
      if (isSettled) return
      isSettled = true
      clearTimeout(patience)
      signal?.removeEventListener('abort', onAbort)
      stopWatching()
      forgetDeath()
      control.close()
      outcome()
    }
    const fail = (error: unknown): void => settle(() => reject(signal?.aborted ? cancelled() : asLabError(error)))
    const forgetDeath = target.onDeath(fail)
    signal?.addEventListener('abort', onAbort, { once: true })
    const report: JobProgress = (fraction, what) => {
      if (!isSettled && !signal?.aborted) progress?.(fraction, what)
    }
    target.send(port2, report).then((reply) => {
      if (reply.ok && !signal?.aborted) settle(() => resolve(reply.value))
      else fail(reply.ok ? cancelled() : fromWireError(reply.error))
    }, fail)
  })
}
