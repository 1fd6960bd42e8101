// How a job ended and how long that took, for the tests of cancel and death.

import type { JobOptions } from '../../src/app/jobs/run-job'
import { asLabError } from '../../src/core/errors/lab-error'

/** The bar of docs/measuring.md: idle so soon after a cancel. */
export const IDLE_BAR_MS = 200

export const sleep = (durationMs: number): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), durationMs))

export const codeOf = (error: unknown): string => asLabError(error).code

/** Starts a job, cancels it after `delayMs`, and tells how it ended and how long after the cancel. */
export async function cancelDuring(
  run: (options: JobOptions) => Promise<unknown>,
  delayMs: number,
): Promise<{ readonly code: string; readonly idleMs: number }> {
  const controller = new AbortController()
  const job = run({ signal: controller.signal }).then(() => 'done', codeOf)
  await sleep(delayMs)
  const start = performance.now()
  controller.abort()
  const code = await job
  return { code, idleMs: performance.now() - start }
}
