// What the process tells the shell, by the error that ended it.

import type { ErrorCode } from '../core/errors/codes'
import { isCancelled, type LabError } from '../core/errors/lab-error'

export const EXIT = { done: 0, goalMissed: 1, badInput: 2, internalFault: 3, interrupted: 130 } as const

/** Errors that are about Lathe or the machine, not about what was given to it. */
const FAULTS: ReadonlySet<ErrorCode> = new Set(['internal', 'pass/invariant', 'worker/died', 'device/lost'])

export function exitStatus(error: LabError): number {
  if (isCancelled(error)) return EXIT.interrupted
  return FAULTS.has(error.code) ? EXIT.internalFault : EXIT.badInput
}
