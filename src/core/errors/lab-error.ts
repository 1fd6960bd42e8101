// The one error class of Lathe. Classes do not survive the way between threads, codes and plain details do:
// `toWireError` and `fromWireError` carry an error, with its causes, through structured clone or JSON.

import { ERROR_CODES, type ErrorCode } from './codes'

export type Details = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

export class LabError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Details = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options)
    this.name = 'LabError'
  }
}

/** A `LabError` as plain data. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Details
  readonly cause?: WireError
}

export function toWireError(error: unknown): WireError {
  if (error instanceof LabError) {
    const { code, message, details, cause } = error
    return cause === undefined ? { code, message, details } : { code, message, details, cause: toWireError(cause) }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'internal', message, details: {} }
}

export function fromWireError(wire: WireError): LabError {
  const code = ERROR_CODES.includes(wire.code) ? wire.code : 'internal'
  const options = wire.cause === undefined ? undefined : { cause: fromWireError(wire.cause) }
  return new LabError(code, wire.message, wire.details, options)
}

/** Turns whatever was thrown into a `LabError`, keeping the original as `cause`. */
export function asLabError(error: unknown): LabError {
  if (error instanceof LabError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new LabError('internal', message, {}, { cause: error })
}

/** What a job throws after a cancel. */
export const cancelled = (): LabError => new LabError('job/cancelled', 'The job was cancelled.')

export const isCancelled = (error: unknown): boolean => error instanceof LabError && error.code === 'job/cancelled'
